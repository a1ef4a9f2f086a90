"""Which chain has the actions of support, with which details, and how often."""

from __future__ import annotations

from typing import Any

import pytest

from portal.models import (
    Activity,
    FailureCase,
    Organization,
)
from portal.support import conversations
from portal.support.desk import actions
from tests.portal.support.desk.conftest import Cases, case_of, cases
from tests.support.activity import recorded
from tests.support.actors import acting

__all__ = ["cases"]


def test_what_support_does_inside_is_in_the_portals_own_activity(cases: Cases, acme: Organization, sam: Any) -> None:
    case = FailureCase(failure=cases.silent)
    actions.mark_seen(case, by=acting(sam))
    actions.move(case, by=acting(sam), was="seen", to="waiting")
    actions.note(case, by=acting(sam), was=actions.digest_of(""), text="Wrong account.")
    actions.note(case, by=acting(sam), was=actions.digest_of("Wrong account."), text="Wrong account.")

    assert case_of(cases.silent) == ("waiting", "Wrong account.")
    rows = Activity.objects.filter(organization=None).order_by("number").select_related("text")
    assert [(row.action, row.actor_key, row.target_kind, row.target_key) for row in rows] == [
        (f"support.{name}", str(sam.pk), "failure", str(cases.silent.pk)) for name in ("seen", "moved", "noted")
    ]
    texts = [row.text for row in rows]
    assert [(text.before, text.after) for text in texts] == [
        ({"state": "new"}, {"state": "seen"}),
        ({"state": "seen"}, {"state": "waiting"}),
        ({}, {}),
    ]
    assert {text.target_name for text in texts} == {f"Failure {str(cases.silent.pk)[:8]}"}
    assert {row[1] for row in recorded(organization=acme)} == {"group.created", "support.asked"}


def test_consent_that_is_given_with_the_question_is_recorded(cases: Cases) -> None:
    rows = Activity.objects.filter(action="support.asked").select_related("text")
    shared = rows.get(target_key=str(cases.shared.pk)).text
    kept = rows.get(target_key=str(cases.kept.pk)).text

    assert (shared.detail, shared.after) == ("sharing the whole failure", {"shares": True})
    assert (kept.detail, kept.after) == ("", {})


def test_a_second_click_is_recorded_once(acme: Any, bob: Any, sam: Any) -> None:
    request = conversations.ask(acme, by=acting(bob), kind="other", message="Why?")
    with pytest.raises(conversations.AskedAlready) as refused:
        conversations.ask(acme, by=acting(bob), kind="other", message="Why?")
    assert refused.value.request == request
    for _ in range(2):
        conversations.reply(request, by=acting(bob), text="Still.")
        actions.mark_seen(request, by=acting(sam))

    assert [row[1] for row in recorded(organization=acme)] == ["support.asked", "support.replied"]
    assert [row[1] for row in recorded(organization=None)] == ["support.seen"]


def test_a_move_to_the_same_state_is_none(cases: Cases, sam: Any) -> None:
    actions.move(cases.other, by=acting(sam), was="new", to="seen")
    actions.move(cases.other, by=acting(sam), was="seen", to="seen")

    assert [row[1] for row in recorded(organization=None)] == ["support.moved"]
