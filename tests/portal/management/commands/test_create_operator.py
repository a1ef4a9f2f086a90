"""The command `create_operator`: somebody new, somebody known, and an account that somebody else may have made."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client

from portal.accounts.actions import change_person
from portal.accounts.staff_roles import StaffRole, role_of
from portal.models import PasswordReset, User
from registries.foundation.actor import CONSOLE
from tests.conftest import PASSWORD
from tests.support.activity import recorded
from tests.support.sign_ins import sign_in

NINA = "nina@drayage.example"
HERS = "only nina knows this one"


def create(email: str = NINA) -> str:
    out = StringIO()
    call_command("create_operator", email, stdout=out)
    return out.getvalue()


def link_in(text: str) -> str:
    (found,) = re.findall(r"https?://\S+/accounts/password/reset/key/[\w-]+/", text)
    return str(found)


def choose_password(link: str) -> None:
    browser = Client()
    browser.post(browser.get(link)["Location"], {"password1": HERS, "password2": HERS})


@pytest.mark.django_db
def test_the_first_operator_signs_in_with_a_printed_link() -> None:
    written = create("Nina@Drayage.example")
    nina = User.objects.get()
    assert (nina.email, role_of(nina), nina.address_proof) == (NINA, StaffRole.OPERATOR, "operator")
    assert not nina.has_usable_password()
    choose_password(link_in(written))
    assert sign_in(nina, HERS).get("/accounts/logout/").status_code == 200
    assert [row[1] for row in recorded(organization=None)][:2] == ["account.created", "account.link_created"]


@pytest.mark.django_db
def test_where_mail_is_sent_the_link_is_not_printed(settings: Any) -> None:
    settings.PORTAL_SENDS_MAIL = True
    written = create()
    assert "was sent to nina@drayage.example" in written
    assert "http" not in written
    choose_password(link_in(str(mail.outbox[0].body)))
    assert User.objects.get().check_password(HERS)


@pytest.mark.django_db
def test_if_the_mail_fails_it_is_printed(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: Any, **kwargs: Any) -> int:
        raise OSError

    settings.PORTAL_SENDS_MAIL = True
    monkeypatch.setattr("django.core.mail.EmailMessage.send", refused)
    assert link_in(create())


def test_somebody_known_keeps_the_password(bob: User, member: Client) -> None:
    assert create(bob.email) == "bob@acme.example is an operator.\n"
    bob.refresh_from_db()
    assert (role_of(bob), bob.check_password(PASSWORD)) == (StaffRole.OPERATOR, True)
    assert member.get("/accounts/logout/").status_code == 302, "other rights end the sessions"


def test_an_account_that_somebody_else_may_have_made_is_taken_from_them(acme: Any) -> None:
    nina = User.objects.create_user(NINA, PASSWORD)
    acme.memberships.create(user=nina, role="member")
    theirs = sign_in(nina)
    written = create()
    assert "Nobody had proven to have nina@drayage.example" in written
    assert theirs.get("/accounts/logout/").status_code == 302
    assert sign_in(nina).get("/accounts/logout/").status_code == 302
    choose_password(link_in(written))
    nina.refresh_from_db()
    assert (role_of(nina), nina.check_password(HERS)) == (StaffRole.OPERATOR, True)


def test_a_deactivated_one_is_activated(olga: User) -> None:
    change_person(olga, {"is_active": False}, by=CONSOLE)
    assert create(olga.email) == "olga@drayage.example was an operator already.\n"
    assert User.objects.get(pk=olga.pk).is_active


def test_an_altered_account_is_refused(bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(is_staff=True)
    with pytest.raises(CommandError, match="confirm_account"):
        create(bob.email)
    assert not PasswordReset.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("email", ["", "nina", "nina@"])
def test_no_address(email: str) -> None:
    with pytest.raises(CommandError):
        create(email)
    assert not User.objects.exists()
