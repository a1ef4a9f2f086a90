"""What operators do to accounts in the admin: recorded for operators, and for members where it concerns them."""

from __future__ import annotations

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from axes.models import AccessAttempt
from django.test import Client
from django.utils import timezone

from portal.models import Activity, ActivityText, User
from tests.conftest import PASSWORD
from tests.support import failing_recorder
from tests.support.activity import recorded
from tests.support.page_messages import messages_of

PEOPLE = "/admin/portal/user/"
NEW = "another long battery"
PASSWORDS = {"usable_password": "true", "password1": NEW, "password2": NEW}


def form(person: Any, **changes: str) -> dict[str, str]:
    switches = ("is_active", "is_staff", "is_support", "is_superuser")
    return {"email": person.email} | {name: "on" for name in switches if getattr(person, name)} | changes


def page(person: Any, name: str = "change") -> str:
    return f"{PEOPLE}{person.pk}/{name}/"


def in_acme(acme: Any) -> list[tuple[str, str, str, str]]:
    return recorded(organization=acme)


def in_portal() -> list[tuple[str, str, str, str]]:
    return recorded(organization=None)


def test_somebody_new(operator: Client, olga: Any) -> None:
    operator.post(f"{PEOPLE}add/", {"email": "nina@acme.example"} | PASSWORDS)

    assert in_portal() == [("Drayage", "account.created", "nina@acme.example", "")]
    assert Activity.objects.get().actor_key == str(olga.pk)
    assert User.objects.get(email="nina@acme.example").check_password(NEW)
    assert NEW not in str(list(ActivityText.objects.values()))


def test_somebody_new_without_a_password(operator: Client) -> None:
    operator.post(f"{PEOPLE}add/", {"email": "nina@acme.example", "usable_password": "false"})

    assert not User.objects.get(email="nina@acme.example").has_usable_password()


def test_rights_are_the_operators_to_know(operator: Client, acme: Any, bob: Any) -> None:
    operator.post(page(bob), form(bob, is_staff="on", is_superuser="on", first_name="Bob"))

    assert in_portal() == [("Drayage", "account.changed", bob.email, "first name, staff, superuser")]
    text = ActivityText.objects.get()
    assert text.before == {"first_name": "", "is_staff": False, "is_superuser": False}
    assert text.after == {"first_name": "Bob", "is_staff": True, "is_superuser": True}
    assert in_acme(acme) == []


def test_members_read_who_is_deactivated_and_whose_address_changed(
    operator: Client, acme: Any, bob: Any, mallory: Any
) -> None:
    sent = form(bob, email="robert@acme.example")
    del sent["is_active"]
    operator.post(page(bob), sent)
    bob.refresh_from_db()
    assert (bob.email, bob.is_active) == ("robert@acme.example", False)
    operator.post(page(bob), form(bob, is_active="on"))

    assert in_acme(acme) == [
        ("Drayage", "account.deactivated", "robert@acme.example", ""),
        ("Drayage", "account.email_changed", "robert@acme.example", "bob@acme.example → robert@acme.example"),
        ("Drayage", "account.activated", "robert@acme.example", ""),
    ]
    assert [row[1] for row in in_portal()] == ["account.changed", "account.changed"]
    assert not Activity.objects.filter(organization=mallory.organizations.get()).exists()


def test_a_password_that_an_operator_sets(operator: Client, acme: Any, bob: Any) -> None:
    operator.post(page(bob, "password"), PASSWORDS | {"password2": "another"})
    assert in_portal() == []
    operator.post(page(bob, "password"), PASSWORDS)

    assert in_portal() == in_acme(acme) == [("Drayage", "account.password_changed", bob.email, "")]
    assert NEW not in str(list(ActivityText.objects.values()))


def test_what_is_saved_as_it_was_shown_is_not_recorded(operator: Client, bob: Any) -> None:
    assert operator.post(page(bob), form(bob)).status_code == 302

    assert recorded() == []


def test_nothing_is_changed_that_is_not_recorded(operator: Client, bob: Any, settings: Any) -> None:
    settings.ACTIVITY_RECORDER = failing_recorder.PATH
    operator.raise_request_exception = False
    for address, sent in (
        (f"{PEOPLE}add/", {"email": "nina@acme.example"} | PASSWORDS),
        (page(bob), form(bob, is_superuser="on")),
        (page(bob, "password"), PASSWORDS),
    ):
        assert operator.post(address, sent).status_code == 500

    bob.refresh_from_db()
    assert not bob.is_superuser
    assert bob.check_password(PASSWORD)
    assert not User.objects.filter(email="nina@acme.example").exists()


class TestThirdParties:
    @pytest.fixture
    def factor(self, bob: Any) -> Authenticator:
        return Authenticator.objects.create(user=bob, type="totp", data={})

    @pytest.fixture
    def attempt(self, bob: Any) -> AccessAttempt:
        return AccessAttempt.objects.create(
            username=bob.email, ip_address="192.0.2.7", failures_since_start=10, attempt_time=timezone.now()
        )

    def test_taking_a_second_factor_is_seen_by_members(
        self, operator: Client, acme: Any, bob: Any, factor: Authenticator
    ) -> None:
        operator.post(f"/admin/mfa/authenticator/{factor.pk}/delete/", {"post": "yes"})

        assert not Authenticator.objects.exists()
        done = ("Drayage", "account.second_factor_removed", bob.email, "authenticator app")
        assert in_acme(acme) == in_portal() == [done]

    def test_several_at_once(self, operator: Client, acme: Any, bob: Any, factor: Authenticator) -> None:
        chosen = {"action": "delete_selected", "_selected_action": [str(factor.pk)], "post": "yes"}
        operator.post("/admin/mfa/authenticator/", chosen)

        assert [row[1] for row in in_portal()] == ["account.second_factor_removed"]

    def test_lifting_a_lock(self, operator: Client, bob: Any, attempt: AccessAttempt) -> None:
        operator.post(f"/admin/axes/accessattempt/{attempt.pk}/delete/", {"post": "yes"})

        assert not AccessAttempt.objects.exists()
        assert in_portal() == [("Drayage", "account.lock_lifted", bob.email, "192.0.2.7")]

    def test_other_addresses(self, operator: Client, bob: Any) -> None:
        addresses = "/admin/account/emailaddress/"
        sent = {"user": str(bob.pk), "email": "robert@acme.example"}
        operator.post(f"{addresses}add/", sent)
        row = EmailAddress.objects.get()
        operator.post(f"{addresses}{row.pk}/change/", sent | {"primary": "on"})
        operator.post(addresses, {"action": "make_verified", "_selected_action": [str(row.pk)]})
        row.refresh_from_db()
        assert (row.primary, row.verified) == (True, True)
        operator.post(f"{addresses}{row.pk}/delete/", {"post": "yes"})

        assert not EmailAddress.objects.exists()
        assert [row[1] for row in in_portal()] == [
            "account.address_added",
            "account.address_changed",
            "account.address_changed",
            "account.address_removed",
        ]

    def test_only_what_nobody_else_has_verified_is_marked(
        self, operator: Client, acme: Any, bob: Any, carol: Any
    ) -> None:
        EmailAddress.objects.create(user=carol, email="shared@acme.example", verified=True)
        theirs = EmailAddress.objects.create(user=bob, email="shared@acme.example")
        done = EmailAddress.objects.create(user=bob, email="robert@acme.example", verified=True)
        chosen = {"action": "make_verified", "_selected_action": [str(theirs.pk), str(done.pk)]}

        answer = operator.post("/admin/account/emailaddress/", chosen)

        assert messages_of(answer) == ["shared@acme.example is verified for somebody else."]
        theirs.refresh_from_db()
        assert (theirs.verified, in_portal()) == (False, [])

    def test_nothing_is_done_that_is_not_recorded(
        self, operator: Client, factor: Authenticator, attempt: AccessAttempt, bob: Any, settings: Any
    ) -> None:
        settings.ACTIVITY_RECORDER = failing_recorder.PATH
        operator.raise_request_exception = False
        for address, sent in (
            (f"/admin/mfa/authenticator/{factor.pk}/delete/", {"post": "yes"}),
            (f"/admin/axes/accessattempt/{attempt.pk}/delete/", {"post": "yes"}),
            ("/admin/account/emailaddress/add/", {"user": str(bob.pk), "email": "robert@acme.example"}),
        ):
            assert operator.post(address, sent).status_code == 500

        assert Authenticator.objects.count() == AccessAttempt.objects.count() == 1
        assert not EmailAddress.objects.exists()
