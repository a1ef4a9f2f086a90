"""Another email address for one's own account, and what an attacker would try with its links."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.db.models.functions import Now
from django.test import Client

from portal.accounts.actions import set_password
from portal.accounts.address_change import (
    MAX_LINKS_AN_HOUR,
    AddressRefused,
    confirm_change,
    find,
    request_change,
)
from portal.accounts.authority import AccountAltered, may_sign_in
from portal.models import AddressChange, PasswordReset, User
from portal.organizations.errors import AddressUnproven
from registries.secrets import one_time
from tests.conftest import PASSWORD
from tests.support.activity import recorded
from tests.support.actors import acting
from tests.support.sign_ins import sign_in

ROBERT = "robert@acme.example"


@pytest.fixture(autouse=True)
def sends_mail(settings: Any) -> None:
    settings.PORTAL_SENDS_MAIL = True


@pytest.fixture
def token(bob: User) -> str:
    return request_change(bob, f" {ROBERT.upper()} ", by=acting(bob))


def address_of(person: User) -> str:
    return User.objects.values_list("email", flat=True).get(pk=person.pk)


def test_it_changes(bob: User, acme: Any, django_capture_on_commit_callbacks: Any) -> None:
    browser = sign_in(bob)
    old = EmailAddress.objects.create(user=bob, email="bob@acme.example", verified=True)
    PasswordReset.objects.create(person=bob, token_hash="x", account_state="", expires_at="2999-01-01T00:00Z")
    with django_capture_on_commit_callbacks(execute=True):
        token = request_change(bob, ROBERT, by=acting(bob))
    assert address_of(bob) == "bob@acme.example"
    with django_capture_on_commit_callbacks(execute=True):
        assert confirm_change(bob, token, by=acting(bob)) == ROBERT

    bob.refresh_from_db()
    assert (bob.email, bob.address_proof, may_sign_in(bob)) == (ROBERT, "mail", True)
    assert not PasswordReset.objects.exists()
    assert not EmailAddress.objects.filter(pk=old.pk).exists(), "nobody signs in with the earlier one"
    assert browser.get("/accounts/logout/").status_code == 302, "other browsers are signed out"
    assert sign_in(bob).get("/accounts/logout/").status_code == 200
    assert [message.to for message in mail.outbox[:2]] == [["bob@acme.example"]] * 2
    assert "Your email address is about to change" in mail.outbox[0].subject
    assert ROBERT in str(mail.outbox[1].body)
    details = [row[1:] for row in recorded(organization=acme)][-4:]
    assert ("account.email_changed", ROBERT, f"bob@acme.example → {ROBERT}") in details


def test_a_link_works_once(bob: User, token: str) -> None:
    confirm_change(bob, token, by=acting(bob))
    with pytest.raises(AddressRefused):
        confirm_change(bob, token, by=acting(bob))


def test_a_later_link_ends_an_earlier_one(bob: User, token: str) -> None:
    later = request_change(bob, "rob@acme.example", by=acting(bob))
    assert find(bob, token) is None
    assert find(bob, later) is not None


def test_for_an_hour(bob: User, token: str) -> None:
    AddressChange.objects.update(expires_at=Now() - timedelta(seconds=1))
    assert find(bob, token) is None


def test_until_the_password_changes(bob: User, token: str) -> None:
    set_password(bob, "a long and good sentence", by=acting(bob))
    assert find(User.objects.get(pk=bob.pk), token) is None


@pytest.mark.parametrize("token", ["", "dra_short", "drp_" + "a" * 43, "dra_" + "a" * 43])
def test_no_other_text_works(token: str, bob: User) -> None:
    request_change(bob, ROBERT, by=acting(bob))
    assert find(bob, token) is None


def test_somebody_elses_link(bob: User, alice: User, token: str) -> None:
    request_change(alice, "alice@new.example", by=acting(alice))
    with pytest.raises(AddressRefused):
        confirm_change(alice, token, by=acting(alice))


def test_the_address_of_another_account(bob: User, alice: User) -> None:
    token = request_change(bob, alice.email, by=acting(bob))
    with pytest.raises(AddressRefused, match="There is another account"):
        confirm_change(bob, token, by=acting(bob))
    bob.refresh_from_db()
    assert (bob.email, may_sign_in(bob)) == ("bob@acme.example", True)


def test_the_present_address(bob: User) -> None:
    with pytest.raises(AddressRefused, match="already"):
        request_change(bob, bob.email.upper(), by=acting(bob))


def test_only_some_an_hour(bob: User) -> None:
    for number in range(MAX_LINKS_AN_HOUR):
        request_change(bob, f"bob-{number}@acme.example", by=acting(bob))
    with pytest.raises(AddressRefused, match="Try again later"):
        request_change(bob, ROBERT, by=acting(bob))


def test_an_account_without_a_proof_proves_its_address_first(acme: Any) -> None:
    nina = User.objects.create_user("nina@acme.example", PASSWORD)
    with pytest.raises(AddressUnproven):
        request_change(nina, ROBERT, by=acting(nina))


class TestAWriterOfTheDatabase:
    def test_writes_another_address_into_a_link(self, bob: User, token: str) -> None:
        AddressChange.objects.update(email="rogue@umbrella.example")
        assert find(bob, token) is None

    def test_gives_it_more_time(self, bob: User, token: str) -> None:
        AddressChange.objects.update(expires_at=Now() + timedelta(days=1))
        assert find(bob, token) is None

    def test_puts_his_own_link_into_somebodys_account(self, bob: User, mallory: User) -> None:
        token = request_change(mallory, "rogue@umbrella.example", by=acting(mallory))
        AddressChange.objects.update(person=bob)
        assert find(bob, token) is None

    def test_makes_a_row_for_a_token_of_his_own(self, bob: User, token: str) -> None:
        row = AddressChange.objects.get()
        own = one_time.new("dra_")
        AddressChange.objects.create(
            person=bob, email=row.email, token_hash=own[:45], seal=row.seal,
            account_state=row.account_state, expires_at=row.expires_at,
        )  # fmt: skip
        assert find(bob, own) is None

    def test_changes_the_account(self, bob: User, token: str) -> None:
        User.objects.filter(pk=bob.pk).update(is_superuser=True)
        with pytest.raises(AccountAltered):
            confirm_change(bob, token, by=acting(bob))


class TestThePages:
    @pytest.fixture(autouse=True)
    def _member(self, member: Client) -> None:
        member.post("/accounts/profile/address/", {"email": ROBERT})

    def link(self) -> str:
        (sent,) = [message for message in mail.outbox if message.to == [ROBERT]]
        (path,) = [line for line in str(sent.body).splitlines() if "/accounts/address/" in line]
        return path.partition("://")[2].partition("/")[2]

    def test_the_way(self, bob: User, member: Client) -> None:
        opened = member.get(f"/{self.link()}")
        assert opened["Location"] == "/accounts/profile/new-address/"
        assert "no-store" in opened["Cache-Control"]
        assert ROBERT in member.get(opened["Location"]).text
        assert address_of(bob) == "bob@acme.example", "opening a link changes nothing"
        page = member.post(opened["Location"], follow=True)
        assert f"You sign in with {ROBERT} from now on" in page.text
        assert address_of(bob) == ROBERT

    def test_a_mail_program_that_opens_it_uses_nothing_up(self, bob: User, member: Client) -> None:
        for _ in range(2):
            assert Client().get(f"/{self.link()}", follow=True).status_code == 200, "the page to sign in"
        member.get(f"/{self.link()}")
        member.post("/accounts/profile/new-address/")
        assert address_of(bob) == ROBERT

    def test_in_the_browser_of_somebody_else(self, bob: User, alice: User, owner: Client) -> None:
        owner.get(f"/{self.link()}")
        assert owner.post("/accounts/profile/new-address/").status_code == 410
        assert (address_of(bob), address_of(alice)) == ("bob@acme.example", "alice@acme.example")

    def test_an_address_with_an_account_looks_the_same(self, alice: User, member: Client) -> None:
        page = member.post("/accounts/profile/address/", {"email": alice.email}, follow=True)
        assert f"A link was sent to {alice.email}" in page.text

    def test_links_have_the_public_address(self, member: Client, settings: Any) -> None:
        member.post("/accounts/profile/address/", {"email": "rob@acme.example"}, headers={"host": "localhost:1"})
        body = str(mail.outbox[-1].body)
        assert f"{settings.PORTAL_PUBLIC_URL}/accounts/address/dra_" in body

    def test_nothing_else_is_kept_in_a_session(self, member: Client) -> None:
        assert member.get("/accounts/address/x/").status_code == 404

    def test_without_mail_an_operator_changes_it(self, member: Client, settings: Any) -> None:
        settings.PORTAL_SENDS_MAIL = False
        assert "sends no email" in member.post("/accounts/profile/address/", {"email": "rob@acme.example"}).text
        assert AddressChange.objects.count() == 1
