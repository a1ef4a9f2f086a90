"""Pages whose attempts are counted: which they are, and what mails are limited by."""

from __future__ import annotations

from typing import Any, cast

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from portal.accounts.limited_pages import GUESSES, MAILS
from portal.models import Invitation, Organization, SignInLimit, User
from tests.support import password_mails
from tests.support.database_clock import Clock, clock

__all__ = ["clock"]
RESET = "/accounts/password/reset/"
INVITE = "/o/acme/settings/members/invite/"
STRANGER, HOME = "192.0.2.66", "203.0.113.1"
COUNTED_BY_THE_ADAPTER = {"account_login", "account_reauthenticate"}
NOT_GUESSED = {
    "account_reset_password_from_key": "the link has 256 random bits",
    "account_set_password": "there is no old password",
    "account_remove_password": "takes no password: whoever is freshly signed in removes theirs",
}
"""Pages with a password that need no limit, and why."""
LEADS_ON = {"admin:password_change", "admin:auth_user_password_change"}
"""Pages of Django's admin that lead to another one."""


@pytest.fixture(autouse=True)
def _mail_goes_out(settings: Any) -> None:
    settings.PORTAL_SENDS_MAIL = True


def ask(email: str, client: str = HOME) -> HttpResponse:
    return cast("HttpResponse", Client().post(RESET, {"email": email}, REMOTE_ADDR=client))


def counted() -> dict[str, int]:
    return {f"{row.kind} {row.shown}": row.count for row in SignInLimit.objects.all() if row.count}


def names(patterns: Any, prefix: str = "") -> set[str]:
    found = set()
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            space = f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix
            found |= names(pattern.url_patterns, space)
        elif isinstance(pattern, URLPattern) and pattern.name:
            found.add(prefix + pattern.name)
    return found


def test_every_page_that_takes_a_password_or_a_factor_is_counted() -> None:
    words = ("authenticate", "login", "password")
    taking = {
        name
        for name in names(get_resolver().url_patterns)
        if any(word in name for word in words) and not name.endswith("_done") and "login_code" not in name
    }
    known = GUESSES.keys() | MAILS.keys() | COUNTED_BY_THE_ADAPTER | NOT_GUESSED.keys()
    rest = taking - known - {"admin:login", "admin:portal_passwordreset"} - LEADS_ON
    assert rest == set()
    assert names(get_resolver().url_patterns) >= MAILS.keys()


class TestMailsOfAnAccount:
    ADDRESS, PROVE = "/accounts/profile/address/", "/accounts/profile/prove/"

    def test_of_another_address_by_recipient_account_and_client(self, clock: Clock, alice: User, as_user: Any) -> None:
        browser = as_user(alice)
        asked = [browser.post(self.ADDRESS, {"email": "new@acme.example"}).status_code for _ in range(4)]
        assert asked == [302] * 3 + [429]
        assert counted() == {
            "reset_to new@acme.example": 3,
            f"mail_of {alice.email}": 3,
            "reset_from 127.0.0.1": 3,
        }

    def test_five_for_an_account_whatever_the_address(self, clock: Clock, alice: User, as_user: Any) -> None:
        browser = as_user(alice)
        asked = [browser.post(self.ADDRESS, {"email": f"n{n}@acme.example"}).status_code for n in range(6)]
        assert asked == [302] * 5 + [429]
        clock.shift(61)
        assert browser.post(self.ADDRESS, {"email": "no address"}).status_code == 422
        assert counted()[f"mail_of {alice.email}"] == 5

    def test_of_a_proof(self, clock: Clock, alice: User, as_user: Any) -> None:
        browser = as_user(alice)
        browser.post(self.PROVE)
        assert (counted(), len(mail.outbox)) == ({}, 0)
        alice.address_proof = ""
        alice.set_authority_mark()
        alice.save()
        assert [browser.post(self.PROVE).status_code for _ in range(4)] == [302] * 3 + [429]
        assert len(mail.outbox) == 3
        assert counted()[f"mail_of {alice.email}"] == 3

    def test_of_an_operators_link_by_account_and_not_by_what_strangers_ask_for(
        self, clock: Clock, alice: User, olga: User, as_user: Any
    ) -> None:
        for _ in range(4):
            ask(alice.email, STRANGER)
        browser, page = as_user(olga), f"/admin/portal/user/{alice.pk}/link/"
        assert [browser.post(page).status_code for _ in range(6)] == [302] * 5 + [429]
        assert counted()[f"mail_of {alice.email}"] == 5
        assert browser.post("/admin/portal/user/x/link/").status_code == 404


class TestResetMails:
    def test_three_for_an_account_whoever_asks(self, alice: User, clock: Clock) -> None:
        asked = [ask(alice.email, f"192.0.2.{number}").status_code for number in range(5)]
        assert asked == [302] * 3 + [429] * 2
        password_mails.deliver()
        assert len(mail.outbox) == 3
        assert counted()[f"reset_to {alice.email}"] == 3
        assert counted()["reset_from 192.0.2.0"] == 1

    def test_then_one_after_a_while_that_grows_to_a_quarter_of_an_hour(self, alice: User, clock: Clock) -> None:
        for _ in range(3):
            ask(alice.email)
        for minutes in (1, 2, 4, 8, 15, 15):
            clock.shift(minutes * 60 - 1)
            assert ask(alice.email).status_code == 429
            clock.shift(2)
            assert ask(alice.email).status_code == 302

    def test_an_unknown_address_is_limited_in_the_same_way(self, alice: User, clock: Clock) -> None:
        known = [ask(alice.email) for _ in range(4)]
        unknown = [ask("nobody@acme.example", STRANGER) for _ in range(4)]
        assert [(r.status_code, r.content, r.headers.get("Retry-After")) for r in known] == [
            (r.status_code, r.content, r.headers.get("Retry-After")) for r in unknown
        ]

    def test_twenty_for_a_client(self, clock: Clock) -> None:
        asked = [ask(f"n{number}@acme.example", STRANGER).status_code for number in range(22)]
        assert asked == [302] * 20 + [429] * 2
        assert ask("n@acme.example").status_code == 302

    def test_the_page_says_that_an_earlier_link_works(self, alice: User, clock: Clock) -> None:
        refused = [ask(alice.email) for _ in range(4)][-1]
        assert "If one has come, its link still works. Try again at 12:01:01 UTC." in refused.content.decode()

    def test_a_form_that_sends_none_is_not_counted(self, clock: Clock) -> None:
        assert ask("no address").status_code == 200
        assert counted() == {}

    def test_who_sets_a_password_by_mail_signs_in_at_once(self, alice: User, clock: Clock) -> None:
        """The way in while a stranger keeps guessing."""
        browser = Client()
        password_mails.ask_for_link(alice.email)
        link = next(word for word in str(mail.outbox[0].body).split() if "/reset/key/" in word)
        page = browser.get("/accounts" + link.partition("/accounts")[2])
        new = "another long battery"
        browser.post(page["Location"], {"password1": new, "password2": new})
        sent = {"login": alice.email, "password": "a wrong guess"}
        for _ in range(8):
            Client().post("/accounts/login/", sent, REMOTE_ADDR=STRANGER)
        sent["password"] = new
        assert Client().post("/accounts/login/", sent).status_code == 429
        assert browser.post("/accounts/login/", sent).status_code == 302


class TestInvitations:
    def test_what_one_counts_on(self, clock: Clock, acme: Organization, alice: User, owner: Client) -> None:
        owner.post(INVITE, {"email": "Nina@acme.example", "role": "member"}, REMOTE_ADDR=HOME)
        assert counted() == {
            "invitation_to nina@acme.example": 1,
            f"invitation_by {alice.email}": 1,
            f"invitation_from {HOME}": 1,
            "invitation_of acme": 1,
        }

    def test_three_to_an_address(self, clock: Clock, acme: Organization, owner: Client) -> None:
        sent = {"email": "nina@acme.example", "role": "member"}
        asked = []
        for _ in range(4):
            asked.append(owner.post(INVITE, sent).status_code)
            Invitation.objects.all().delete()
        assert asked == [302] * 3 + [429]
        assert len(mail.outbox) == 3

    def test_one_that_is_refused_is_not_counted(self, acme: Organization, bob: User, owner: Client) -> None:
        owner.post(INVITE, {"email": bob.email, "role": "member"})
        owner.post(INVITE, {"email": "nina@acme.example", "role": "emperor"})
        assert counted() == {}

    @pytest.mark.parametrize(("kind", "most"), [("invitation_by", 60), ("invitation_of", 100)])
    def test_a_flood_by_a_person_and_of_an_organization(
        self, clock: Clock, acme: Organization, alice: User, owner: Client, kind: str, most: int
    ) -> None:
        owner.post(INVITE, {"email": "first@acme.example", "role": "member"})
        SignInLimit.objects.filter(kind=kind).update(count=most)
        refused = owner.post(INVITE, {"email": "second@acme.example", "role": "member"})
        assert (refused.status_code, refused["Retry-After"]) == (429, "11")
        assert not Invitation.objects.filter(email="second@acme.example").exists()

    def test_who_may_not_invite_counts_nothing(self, acme: Organization, bob: User, as_user: Any) -> None:
        assert as_user(bob).post(INVITE, {"email": "nina@acme.example", "role": "member"}).status_code == 403
        assert counted() == {}


class TestVisits:
    CHALLENGE, LINK = "/accounts/2fa/webauthn/login/", f"/accounts/address/dra_{'x' * 43}/"

    def test_pages_that_store_a_session_for_anybody(self, settings: Any, clock: Clock) -> None:
        settings.PORTAL_PUBLIC_URL = "https://portal.example"
        sent: Any = {"headers": {"Accept": "application/json"}, "REMOTE_ADDR": STRANGER}
        SignInLimit.objects.all().delete()
        assert Client().get(self.CHALLENGE, **sent).status_code == 200
        SignInLimit.objects.update(count=119)
        assert Client().get(self.LINK, **sent).status_code == 302
        rows = Session.objects.count()
        for page in (self.CHALLENGE, self.LINK):
            browser = Client()
            browser.cookies[settings.SESSION_COOKIE_NAME] = "no session of the portal"
            refused = browser.get(page, **sent)
            assert (refused.status_code, refused["Retry-After"]) == (429, "2")
        assert Session.objects.count() == rows
        assert counted() == {f"visitor {STRANGER}": 120}

    def test_a_browser_that_has_a_session_is_not_counted(self, alice: User, as_user: Any, clock: Clock) -> None:
        browser = as_user(alice)
        assert browser.get(self.LINK).status_code == 302
        assert counted() == {}
