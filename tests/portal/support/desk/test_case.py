"""One case: what support sees of it with and without consent."""

from __future__ import annotations

from typing import Any

from django.test import Client

from groups.models import Failure
from portal.models import SupportRequest
from portal.support import conversations
from tests.portal.support.desk.conftest import HOST, Cases, address, case_of
from tests.support.actors import acting


def test_without_consent_support_sees_what_happened_and_no_name(support: Client, cases: Cases) -> None:
    for row in (cases.silent, cases.kept):
        text = support.get(address(row)).content.decode()
        assert "authentication_failed" in text
        assert "The registry did not accept the credentials" in text
        assert "Sign in" in text
        assert "00:00:00" in text
        assert "2.5 s" in text
        for never in (HOST, "silent-app", "kept-app", "UNAUTHORIZED"):
            assert never not in text, never
    assert "Acme" not in support.get(address(cases.silent)).content.decode()


def test_with_consent_support_sees_all_of_it(support: Client, cases: Cases) -> None:
    for row in (cases.shared, cases.shared.failure):
        text = support.get(address(row)).content.decode()
        for shown in (
            f"{HOST}/team/shared-app:1",
            "shared-app",
            "401 UNAUTHORIZED",
            "Check the user name and the secret",
        ):
            assert shown in text, shown


def test_what_is_taken_back_is_gone_at_once(support: Client, cases: Cases, bob: Any, as_user: Any) -> None:
    as_user(bob).post(f"/o/acme/support/stop-sharing/?failure={cases.shared.failure_id}")
    assert HOST not in support.get(address(cases.shared)).content.decode()


def test_a_trace_that_is_not_as_expected_is_shown(support: Client, operator: Client, cases: Cases) -> None:
    odd = [{}, {"name": "later", "started_at": "no time", "finished_at": None}]
    Failure.objects.update(trace=odd, code="of another version", params={})
    for client in (support, operator):
        page = client.get(address(cases.shared))
        assert page.status_code == 200
        assert "later" in page.content.decode()


def test_a_reply_is_marked_seen_again(support: Client, cases: Cases, bob: Any) -> None:
    SupportRequest.objects.filter(pk=cases.other.pk).update(state="solved", note="Patient person.")
    conversations.reply(cases.other, by=acting(bob), text="Not yet.")

    text = support.get(address(cases.other)).content.decode()

    assert "Not yet." in text
    assert "Patient person." in text
    cases.other.refresh_from_db()
    assert cases.other.state == "seen"


def test_the_admins_own_pages_lead_here(support: Client, cases: Cases) -> None:
    for row, name in ((cases.silent, "groups/failure"), (cases.other, "portal/supportrequest")):
        assert support.get(f"/admin/{name}/{row.pk}/change/")["Location"] == address(row)
        assert support.get(f"/admin/{name}/{row.pk}/history/").status_code == 403
        assert support.get(f"/admin/{name}/?reference__startswith=registry")["Location"].startswith(
            "/admin/desk/?what="
        )
        assert support.post(f"/admin/{name}/{row.pk}/change/", {"note": "x"}).status_code == 302
    assert case_of(cases.silent)[1] == ""
