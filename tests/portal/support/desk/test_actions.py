"""What support does to a case: viewing it is recorded, a move or a note changes only what was seen."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.models import LogEntry
from django.test import Client

from portal.models import SupportLook, SupportRequest
from portal.support.desk.actions import digest_of
from tests.portal.support.desk.conftest import Cases, address, case_of
from tests.support.activity import recorded


def test_opening_marks_seen_and_shows_in_the_activity(
    support: Client, operator: Client, cases: Cases, sam: Any, bob: Any, as_user: Any
) -> None:
    SupportRequest.objects.filter(pk=cases.shared.pk).update(state="waiting")
    for _ in range(3):
        support.get(address(cases.kept))
    support.get(address(cases.shared))
    operator.get(address(cases.kept))

    cases.kept.refresh_from_db()
    cases.shared.refresh_from_db()
    assert (cases.kept.state, cases.shared.state) == ("seen", "waiting")
    looks = SupportLook.objects.filter(person=sam)
    assert dict(looks.values_list("failure_id", "saw_all")) == {
        cases.kept.failure_id: False,
        cases.shared.failure_id: True,
    }
    failure = cases.kept.failure
    assert failure is not None
    address_for_members = f"/o/acme/default/groups/kept-app/failures/{failure.pk}/"
    page = as_user(bob).get(address_for_members).content.decode()
    assert "sam@drayage.example" in page
    assert "saw code, step, kind and times" in page
    assert "olga@drayage.example" in page
    assert f'href="{address_for_members}"' in as_user(bob).get("/o/acme/settings/activity/").content.decode()
    views = [(row[0], row[2]) for row in recorded(action="support.looked")]
    assert sorted(views) == [
        ("olga@drayage.example", "the failure of kept-app"),
        ("sam@drayage.example", "the failure of kept-app"),
        ("sam@drayage.example", "the failure of shared-app"),
    ]


def test_a_move_is_made_once(support: Client, operator: Client, cases: Cases) -> None:
    sent = {"action": "move", "was": "new", "to": "waiting"}
    support.post(address(cases.silent), sent)
    second = operator.post(address(cases.silent), sent | {"to": "solved"}, follow=True)

    assert "This case changed since you opened the page" in second.content.decode()
    assert case_of(cases.silent) == ("waiting", "")
    assert LogEntry.objects.get().change_message == "Waiting for the member."


def test_a_note_does_not_overwrite_anothers(support: Client, operator: Client, cases: Cases) -> None:
    sent = {"action": "note", "was": digest_of("")}
    support.post(address(cases.silent), sent | {"note": "Wrong account."})
    second = operator.post(address(cases.silent), sent | {"note": "Something else."})

    assert "This case changed since you opened the page" in second.content.decode()
    assert "Wrong account.\n\nSomething else.</textarea>" in second.content.decode()
    assert case_of(cases.silent)[1] == "Wrong account."
    support.post(address(cases.silent), {"action": "note", "was": digest_of("Wrong account."), "note": ""})
    assert case_of(cases.silent)[1] == ""
