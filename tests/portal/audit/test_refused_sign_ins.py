"""Refused sign-ins: the request does the same work for every address, and the activity gets at most a row an hour."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.audit import refused_sign_ins
from portal.management.commands.sweep import sweep
from portal.models import Activity, Organization, RefusedSignIn, SignInLimit, User
from registries.foundation.actor import CONSOLE
from tests.conftest import PASSWORD
from tests.support import failing_recorder
from tests.support.concurrency import at_once
from tests.support.second_factors import add_recovery_codes, add_totp

pytestmark = pytest.mark.slow

LOGIN = "/accounts/login/"
WRONG = "a wrong guess"
UNKNOWN = "nobody@acme.example"
NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_limits_left_over(db: None) -> None:
    cache.clear()


def refuse(email: str, client_address: str = "192.0.2.1", times: int = 1) -> None:
    """Sign in with a wrong password, whatever the limits of that are."""
    for _ in range(times):
        SignInLimit.objects.all().delete()
        Client(REMOTE_ADDR=client_address).post(LOGIN, {"login": email, "password": WRONG})


def statement_of(sql: str) -> str:
    """The statement without its values and the names of savepoints and cursors."""
    return re.sub(r"'[^']*'|\bNULL\b|\b\d+\b|\"(?:s|_django_curs_)\d+_\w+\"", "?", sql)


def rows_of(organization: Organization | None) -> list[Activity]:
    return list(Activity.objects.filter(organization=organization).order_by("number"))


def let_an_hour_pass() -> None:
    RefusedSignIn.objects.filter(recorded_at__isnull=False).update(
        recorded_at=datetime.now(UTC) - refused_sign_ins.WINDOW - timedelta(seconds=1)
    )


class TestRequest:
    @pytest.mark.parametrize("is_first", [True, False])
    def test_it_takes_the_same_queries_whether_or_not_the_address_has_an_account(
        self, acme: Organization, alice: User, is_first: bool
    ) -> None:
        for number in range(20):
            organization = Organization.objects.create(slug=f"part-{number}", name=f"Part {number}")
            organization.memberships.create(user=alice, role="member")
        queries = {}
        for client_address, email in (("192.0.2.1", alice.email), ("192.0.2.2", UNKNOWN)):
            if not is_first:
                refuse(email, client_address)
            with CaptureQueriesContext(connection) as captured:
                refuse(email, client_address)
            queries[email] = [statement_of(query["sql"]) for query in captured]

        assert queries[alice.email] == queries[UNKNOWN]
        assert 'INSERT INTO "portal_refusedsignin"' in str(queries[alice.email])
        assert "portal_activity" not in str(queries[alice.email])

    def test_it_appends_nothing_itself(self, acme: Organization, alice: User, settings: Any) -> None:
        settings.ACTIVITY_RECORDER = failing_recorder.PATH
        refuse(alice.email)
        refuse(UNKNOWN)

        noted = RefusedSignIn.objects.order_by("pk")
        assert list(noted.values_list("person", "typed_address", "client_address")) == [
            (alice.pk, "", "192.0.2.1"),
            (None, UNKNOWN, "192.0.2.1"),
        ]
        assert WRONG not in str(list(noted.values()))


class TestSweep:
    def test_one_is_appended_to_all_chains_of_the_person_and_to_no_other(
        self, acme: Organization, alice: User, mallory: User
    ) -> None:
        response = Client(REMOTE_ADDR="192.0.2.7").post(LOGIN, {"login": alice.email, "password": WRONG})
        noted = RefusedSignIn.objects.get()

        assert sweep(thorough=False)["refused_sign_ins_recorded"] == 1

        assert rows_of(mallory.organizations.get()) == []
        for organization in (acme, None):
            (row,) = rows_of(organization)
            assert (row.actor_kind, row.target_key, row.request_id) == (
                "anonymous",
                str(alice.pk),
                response["X-Request-Id"],
            )
            assert (row.text.client_address, row.text.target_name, row.text.detail) == ("192.0.2.7", alice.email, "")
            at = noted.created_at.isoformat(timespec="seconds")
            assert row.text.after == {"times": 1, "first": at, "last": at}

    def test_several_are_one_row_with_their_number_their_clients_and_their_times(
        self, acme: Organization, alice: User
    ) -> None:
        for number in range(12):
            refuse(alice.email, f"198.51.100.{number}", times=2)
        for minute, noted in enumerate(RefusedSignIn.objects.order_by("pk")):
            RefusedSignIn.objects.filter(pk=noted.pk).update(created_at=NOON + timedelta(minutes=minute))

        assert refused_sign_ins.sweep() == {"refused_sign_ins_recorded": 24}

        (row,) = rows_of(acme)
        assert row.text.detail == "24 times from 12 addresses until 12:23"
        assert (row.text.client_address, row.request_id) == ("", "")
        assert row.text.after == {
            "times": 24,
            "first": "2026-05-04T12:00:00+00:00",
            "last": "2026-05-04T12:23:00+00:00",
            "client_addresses": [f"198.51.100.{number}" for number in range(10)],
        }

    def test_an_account_gets_one_row_an_hour_however_often_it_is_tried(self, acme: Organization, alice: User) -> None:
        refuse(alice.email)
        assert refused_sign_ins.sweep() == {"refused_sign_ins_recorded": 1}
        for number in range(60):
            refuse(alice.email, f"2001:db8:{number:x}::1")
            refused_sign_ins.sweep()
        assert [len(rows_of(organization)) for organization in (acme, None)] == [1, 1]

        let_an_hour_pass()
        assert refused_sign_ins.sweep() == {"refused_sign_ins_recorded": 60}

        assert [row.text.after["times"] for row in rows_of(acme)] == [1, 60]
        assert not RefusedSignIn.objects.filter(recorded_at__isnull=True).exists()

    def test_nothing_is_left_an_hour_after_the_last_one(self, alice: User) -> None:
        refuse(alice.email)
        refused_sign_ins.sweep()
        let_an_hour_pass()

        assert refused_sign_ins.sweep() == {"refused_sign_ins_recorded": 0}
        assert not RefusedSignIn.objects.exists()

    def test_unknown_addresses_share_one_row_of_the_portal(self, acme: Organization, alice: User) -> None:
        for number in range(12):
            refuse(f"guess{number}@acme.example", f"192.0.2.{number % 2}")
        refused_sign_ins.sweep()
        refuse(UNKNOWN)
        refused_sign_ins.sweep()

        assert rows_of(acme) == []
        (row,) = rows_of(None)
        assert (row.target_key, row.text.target_name, row.text.client_address) == ("", "", "")
        assert row.text.detail.startswith("no such account, 12 times with 12 names from 2 addresses until ")
        assert row.text.after["typed_addresses"] == [f"guess{number}@acme.example" for number in range(10)]

    def test_reasons_and_accounts_are_separate_rows(self, acme: Organization, alice: User, bob: User) -> None:
        add_totp(alice)
        browser = Client()
        browser.post(LOGIN, {"login": alice.email, "password": PASSWORD})
        browser.post("/accounts/2fa/authenticate/", {"code": "nonsense"})
        refuse(alice.email)
        refuse(bob.email)
        refused_sign_ins.sweep()

        assert {(row.target_key, row.text.detail) for row in rows_of(acme)} == {
            (str(alice.pk), ""),
            (str(alice.pk), "wrong code of a second factor"),
            (str(bob.pk), ""),
        }

    def test_somebody_who_was_signed_in_is_named(self, acme: Organization, alice: User, as_user: Any) -> None:
        add_recovery_codes(alice)
        as_user(alice).post("/accounts/2fa/reauthenticate/", {"code": "nonsense"})
        refuse(alice.email)
        refused_sign_ins.sweep()

        kinds = {(row.actor_kind, row.actor_key, row.text.actor_name) for row in rows_of(acme)}
        assert kinds == {("person", str(alice.pk), alice.email), ("anonymous", "", "Somebody not signed in")}

    def test_what_cannot_be_appended_stays_noted(self, acme: Organization, alice: User, settings: Any) -> None:
        refuse(alice.email, times=3)
        recorder, settings.ACTIVITY_RECORDER = settings.ACTIVITY_RECORDER, failing_recorder.PATH
        with pytest.raises(failing_recorder.RecordingFailed):
            refused_sign_ins.sweep()
        settings.ACTIVITY_RECORDER = recorder

        assert refused_sign_ins.sweep() == {"refused_sign_ins_recorded": 3}
        assert [row.text.after["times"] for row in rows_of(acme)] == [3]

    def test_more_than_one_batch(self, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(refused_sign_ins, "BATCH", 2)
        refuse(alice.email, times=5)

        assert refused_sign_ins.sweep() == {"refused_sign_ins_recorded": 5}
        assert [row.text.after["times"] for row in rows_of(None)] == [5]

    @pytest.mark.django_db(transaction=True)
    def test_two_sweepers_at_once_append_it_once(self, acme: Organization, alice: User) -> None:
        refuse(alice.email, times=3)

        counts = at_once(refused_sign_ins.sweep, refused_sign_ins.sweep)

        assert sorted(count["refused_sign_ins_recorded"] for count in counts) == [0, 3]
        assert [row.text.after["times"] for row in rows_of(acme)] == [3]

    def test_somebody_who_is_deleted_before_the_sweep(self, alice: User) -> None:
        refuse(alice.email)
        User.objects.filter(pk=alice.pk).delete()
        refused_sign_ins.sweep()

        (row,) = rows_of(None)
        assert (row.target_key, row.text.target_name, row.text.detail) == ("", "", "no such account")


def test_a_token_that_was_typed_as_the_address_is_not_stored(db: Any) -> None:
    token = "ghp_" + "CANARY7f3aCANARY7f3a" + "CANARY7f3aCANARY"

    refused_sign_ins.note(f"{token}@acme.example", RefusedSignIn.Reason.PASSWORD, by=CONSOLE)

    assert RefusedSignIn.objects.get().typed_address == "[removed]@acme.example"
