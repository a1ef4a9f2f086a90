"""Each action on organizations, people, keys and webhooks is recorded, and does nothing that can't be recorded."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps

from portal.models import Activity
from tests.support import failing_recorder
from tests.support.action_cases import Case, Cast
from tests.support.action_cases.portal_people import CASES

ONCE = {
    "rename_organization", "withdraw", "change_role", "remove", "leave", "revoke", "change", "pause", "switch_off",
    "resume", "delete", "send_again", "choose_emails", "change_person", "remove_second_factor", "lift_lock",
    "save_address", "remove_address",
}  # fmt: skip
"""Actions that change nothing when they are done a second time; the others do something each time, or refuse."""


def name_of(case: Case) -> str:
    return case.action


@pytest.fixture
def cast(alice: Any, bob: Any, carol: Any, mallory: Any, sam: Any, olga: Any, acme: Any, project: Any) -> Cast:
    return Cast(alice, bob, carol, mallory, sam, olga, acme, project)


def everything() -> dict[str, list[Any]]:
    """All rows of all tables."""
    models = [model for model in apps.get_models() if model._meta.managed]
    return {model._meta.label: list(model._default_manager.order_by("pk").values()) for model in models}


@pytest.mark.parametrize("case", CASES, ids=name_of)
class TestEachAction:
    def test_it_is_recorded_with_its_actor(self, case: Case, cast: Cast) -> None:
        call = case.prepare(cast)
        by = call.keywords["by"]  # type: ignore[attr-defined]
        call()

        rows = Activity.objects.all()
        assert rows
        assert {row.text.client_address for row in rows} == {by.address}
        assert {row.request_id for row in rows} == {by.request_id}
        assert all(row.action.count(".") == 1 for row in rows)

    def test_a_failing_record_leaves_nothing_changed(self, case: Case, cast: Cast, settings: Any) -> None:
        call = case.prepare(cast)
        before = everything()
        settings.ACTIVITY_RECORDER = failing_recorder.PATH

        with pytest.raises(failing_recorder.RecordingFailed):
            call()

        assert everything() == before


@pytest.mark.parametrize("case", [case for case in CASES if case.action.rpartition(".")[2] in ONCE], ids=name_of)
def test_where_nothing_changes_nothing_is_recorded(case: Case, cast: Cast) -> None:
    call = case.prepare(cast)
    call()
    count = Activity.objects.count()

    call()

    assert Activity.objects.count() == count
