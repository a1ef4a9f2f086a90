"""What operators do to accounts in the admin: recorded for operators, and for members where it concerns them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client

from portal.accounts.staff_roles import StaffRole, role_of
from portal.models import Activity, ActivityText, PasswordReset, SignInLimit, User
from tests.conftest import PASSWORD
from tests.support import failing_recorder
from tests.support.activity import recorded
from tests.support.page_messages import messages_of
from tests.support.second_factors import add_totp

PEOPLE = "/admin/portal/user/"
NEW = "another long battery"
PASSWORDS = {"usable_password": "true", "password1": NEW, "password2": NEW}


def form(person: Any, **changes: str) -> dict[str, str]:
    sent = {"email": person.email, "role": role_of(person).value}
    return sent | ({"is_active": "on"} if person.is_active else {}) | changes


def page(person: Any, name: str = "change") -> str:
    return f"{PEOPLE}{person.pk}/{name}/"


def in_acme(acme: Any) -> list[tuple[str, str, str, str]]:
    return recorded(organization=acme)


def in_portal() -> list[tuple[str, str, str, str]]:
    return recorded(organization=None)


def test_somebody_new_gets_a_link_that_is_shown_once(operator: Client, olga: Any) -> None:
    shown = operator.post(f"{PEOPLE}add/", {"email": "Nina@drayage.example", "role": "support"})

    nina = User.objects.get(email="nina@drayage.example")
    assert (role_of(nina), nina.has_usable_password(), nina.address_proof) == (StaffRole.SUPPORT, False, "operator")
    assert in_portal() == [
        ("Drayage", "account.created", "nina@drayage.example", ""),
        ("Drayage", "account.link_created", "nina@drayage.example", ""),
    ]
    assert set(Activity.objects.values_list("actor_key", flat=True)) == {str(olga.pk)}
    (link,) = set(re.findall(r"https?://\S+/accounts/password/reset/key/[\w-]+/", shown.text))
    assert "no-cache" in shown["Cache-Control"]
    assert link not in operator.get(page(nina)).text
    assert link not in str(list(ActivityText.objects.values()))

    browser = Client()
    browser.get(link, follow=True)
    browser.post(browser.get(link)["Location"], {"password1": NEW, "password2": NEW})
    nina.refresh_from_db()
    assert nina.check_password(NEW)


def test_somebody_new_gets_it_by_mail(operator: Client, settings: Any) -> None:
    settings.PORTAL_SENDS_MAIL = True
    answer = operator.post(f"{PEOPLE}add/", {"email": "nina@drayage.example", "role": "operator"}, follow=True)

    (sent,) = mail.outbox
    assert sent.to == ["nina@drayage.example"]
    assert "operator" in str(sent.body)
    assert "/password/reset/key/" in str(sent.body)
    assert "/password/reset/key/" not in answer.text
    assert role_of(User.objects.get(email="nina@drayage.example")) is StaffRole.OPERATOR


@pytest.mark.parametrize(
    "sent", [{"email": "nina@drayage.example"}, {"email": "x", "role": "support"}, {"role": "none"}]
)
def test_what_is_missing(operator: Client, sent: dict[str, str]) -> None:
    assert operator.post(f"{PEOPLE}add/", sent).status_code == 200
    assert not User.objects.exclude(email="olga@drayage.example").exists()


def test_another_link(operator: Client, support: Client, bob: Any) -> None:
    assert "Create the link" in operator.get(page(bob, "link")).text
    assert not PasswordReset.objects.exists()
    assert "/password/reset/key/" in operator.post(page(bob, "link")).text
    assert PasswordReset.objects.get().person == bob
    bob.refresh_from_db()
    assert bob.check_password(PASSWORD), "it ends nothing until it is used"
    assert operator.get(f"{PEOPLE}9999/link/").status_code == 404
    assert support.post(page(bob, "link")).status_code in (403, 404)
    assert PasswordReset.objects.count() == 1


def test_nobody_types_a_password_for_somebody_else(operator: Client, bob: Any) -> None:
    answer = operator.post(page(bob, "password"), PASSWORDS)
    assert answer["Location"] == page(bob, "link")
    bob.refresh_from_db()
    assert bob.check_password(PASSWORD)


def test_an_altered_account_gets_no_link(operator: Client, bob: Any) -> None:
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    answer = operator.post(page(bob, "link"), follow=True)
    assert "/password/reset/key/" not in answer.text
    assert "confirm_account" in answer.text


def test_rights_are_the_operators_to_know(operator: Client, acme: Any, bob: Any) -> None:
    operator.post(page(bob), form(bob, role="operator", first_name="Bob"))

    assert in_portal() == [("Drayage", "account.changed", bob.email, "first name, staff, superuser")]
    text = ActivityText.objects.get()
    assert text.before == {"first_name": "", "is_staff": False, "is_superuser": False}
    assert text.after == {"first_name": "Bob", "is_staff": True, "is_superuser": True}
    assert in_acme(acme) == []


def test_another_role_ends_the_sessions(operator: Client, member: Client, bob: Any) -> None:
    operator.post(page(bob), form(bob, first_name="Bob"))
    assert member.get("/accounts/logout/").status_code == 200
    operator.post(page(bob), form(bob, role="support"))
    assert member.get("/accounts/logout/").status_code == 302


def test_an_account_without_a_proof_gets_no_role(operator: Client, acme: Any) -> None:
    nina = User.objects.create_user("nina@acme.example", PASSWORD)
    answer = operator.post(page(nina), form(nina, role="operator"), follow=True)
    assert "is not verified" in answer.text
    assert role_of(User.objects.get(pk=nina.pk)) is StaffRole.NONE


def test_operators_do_not_take_their_own_role(operator: Client, olga: Any) -> None:
    operator.post(page(olga), form(olga, role="none"))
    assert role_of(User.objects.get(pk=olga.pk)) is StaffRole.OPERATOR
    assert "disabled" in operator.get(page(olga)).text


def test_members_read_who_is_deactivated_and_whose_address_changed(
    operator: Client, acme: Any, bob: Any, mallory: Any
) -> None:
    sent = form(bob, email="robert@acme.example")
    del sent["is_active"]
    operator.post(page(bob), sent | {"_deactivate": "yes"})
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


def test_what_is_saved_as_it_was_shown_is_not_recorded(operator: Client, bob: Any) -> None:
    assert operator.post(page(bob), form(bob)).status_code == 302

    assert recorded() == []


def test_nothing_is_changed_that_is_not_recorded(operator: Client, bob: Any, settings: Any) -> None:
    settings.ACTIVITY_RECORDER = failing_recorder.PATH
    operator.raise_request_exception = False
    for address, sent in (
        (f"{PEOPLE}add/", {"email": "nina@acme.example", "role": "support"}),
        (page(bob), form(bob, role="operator")),
        (page(bob, "link"), {}),
    ):
        assert operator.post(address, sent).status_code == 500

    bob.refresh_from_db()
    assert not bob.is_superuser
    assert not PasswordReset.objects.exists()
    assert not User.objects.filter(email="nina@acme.example").exists()


class TestThirdParties:
    @pytest.fixture
    def factor(self, bob: Any) -> Authenticator:
        return add_totp(bob).instance

    @pytest.fixture
    def limit(self, bob: Any) -> SignInLimit:
        return SignInLimit.objects.create(kind="account", key="k", shown=bob.email, count=10)

    def test_single_second_factors_are_not_taken(self, operator: Client, bob: Any, factor: Authenticator) -> None:
        """They are reset together, with a reason: `test_person_factors`."""
        assert operator.post(f"/admin/mfa/authenticator/{factor.pk}/delete/", {"post": "yes"}).status_code == 403
        chosen = {"action": "delete_selected", "_selected_action": [str(factor.pk)], "post": "yes"}
        operator.post("/admin/mfa/authenticator/", chosen)
        assert Authenticator.objects.filter(pk=factor.pk).exists()
        assert in_portal() == []

    def test_lifting_a_limit(self, operator: Client, bob: Any, limit: SignInLimit) -> None:
        operator.post("/admin/portal/signinlimit/", {"action": "lift", "_selected_action": [str(limit.pk)]})

        assert not SignInLimit.objects.exists()
        detail = "passwords of an account: 10 attempts"
        assert in_portal() == [("Drayage", "account.limit_lifted", bob.email, detail)]

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
        self, operator: Client, factor: Authenticator, limit: SignInLimit, bob: Any, settings: Any
    ) -> None:
        settings.ACTIVITY_RECORDER = failing_recorder.PATH
        operator.raise_request_exception = False
        for address, sent in (
            (
                "/admin/portal/user/",
                {
                    "action": "reset_second_factors",
                    "_selected_action": [str(bob.pk)],
                    "confirmed": "yes",
                    "reason": "Called back",
                },
            ),
            ("/admin/portal/signinlimit/", {"action": "lift", "_selected_action": [str(limit.pk)]}),
            ("/admin/account/emailaddress/add/", {"user": str(bob.pk), "email": "robert@acme.example"}),
        ):
            assert operator.post(address, sent).status_code == 500

        assert Authenticator.objects.filter(user=bob).count() == SignInLimit.objects.count() == 1
        assert not EmailAddress.objects.exists()


def test_a_new_person_runs_nothing_unless_somebody_chooses_it(operator: Client) -> None:
    form = operator.get("/admin/portal/user/add/").context["adminform"].form
    assert form["role"].value() == StaffRole.NONE
