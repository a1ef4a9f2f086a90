"""Whoever invites can't register the invited: an account that he makes with their address is his organization's alone,
and ends when the person with the address arrives."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from portal import api
from portal.accounts.actions import change_person
from portal.accounts.authority import may_sign_in
from portal.models import Activity, AddressProof, Invitation, User
from portal.organizations import actions, invitation_links
from portal.organizations.errors import AddressUnproven
from portal.organizations.invitations import InvitationOver, accept, accept_and_prove, invite
from registries.foundation.actor import CONSOLE, Actor, ActorKind
from tests.conftest import PASSWORD
from tests.support import password_mails
from tests.support.actors import acting
from tests.support.concurrency import at_once
from tests.support.invitations import NINA, link_in
from tests.support.raw_sql import sql
from tests.support.row_locks import row_locks
from tests.support.second_factors import add_totp
from tests.support.sign_ins import sign_in

HERS = "only nina knows this one"
ACCEPT = "/invitations/accept/"
SOMEBODY = Actor(kind=ActorKind.ANONYMOUS, name="somebody", address="192.0.2.7", request_id="b" * 32)


@pytest.fixture
def umbrella(mallory: User) -> Any:
    return mallory.organizations.get()


@pytest.fixture
def sends_mail(settings: Any) -> None:
    settings.PORTAL_SENDS_MAIL = True


@pytest.fixture
def registered(mallory: User, umbrella: Any, as_user: Any) -> User:
    """Mallory invites nina where no mail goes out, opens the link himself and chooses a password."""
    path = link_in(as_user(mallory).post("/o/umbrella/settings/members/invite/", {"email": NINA, "role": "owner"}).text)
    Client().post(path, {"password": PASSWORD})
    return User.objects.get(email=NINA)


def is_signed_in(browser: Client) -> bool:
    return browser.get("/accounts/logout/").status_code == 200


class TestTheInviterOpensTheLink:
    def test_the_account_is_unproven(self, registered: User, umbrella: Any) -> None:
        assert registered.address_proof == AddressProof.NONE
        assert [row.organization for row in registered.memberships.all()] == [umbrella]

    def test_a_link_that_was_mailed_proves_the_address(self, owner: Client, sends_mail: None) -> None:
        owner.post("/o/acme/settings/members/invite/", {"email": NINA, "role": "viewer"})
        (sent,) = mail.outbox
        Client().post(link_in(str(sent.body)), {"password": HERS})
        assert User.objects.get(email=NINA).address_proof == AddressProof.MAIL

    def test_a_link_that_is_shown_because_the_mail_failed_proves_nothing(
        self, owner: Client, sends_mail: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refused(*args: Any, **kwargs: Any) -> int:
            raise OSError

        monkeypatch.setattr("django.core.mail.EmailMessage.send", refused)
        page = owner.post("/o/acme/settings/members/invite/", {"email": NINA, "role": "viewer"})
        Client().post(link_in(page.text), {"password": HERS})
        assert User.objects.get(email=NINA).address_proof == AddressProof.NONE
        assert Invitation.objects.exclude(proof="").get().withdrawn_at, "the link that may have been mailed has ended"

    def test_the_database_says_so_and_the_portal_does_not_believe_it(self, acme: Any, alice: User) -> None:
        row, token = invite(acme, email=NINA, role="viewer", by=acting(alice))
        Invitation.objects.filter(pk=row.pk).update(proof="mail")
        assert invitation_links.find(token) is None

    def test_an_account_that_says_so_is_nobodys(self, registered: User) -> None:
        sql("UPDATE portal_user SET address_proof = 'mail' WHERE id = %s", registered.pk)
        assert not may_sign_in(User.objects.get(pk=registered.pk))


class TestOtherOrganizations:
    def test_it_accepts_no_invitation_of_another_one(self, registered: User, acme: Any, alice: User) -> None:
        browser = sign_in(registered)
        token = invite(acme, email=NINA, role="owner", by=acting(alice))[1]
        page = browser.post(f"/invitations/{token}/", follow=True)
        assert "is not verified" in page.text
        assert not acme.memberships.filter(user=registered).exists()

    def test_it_does_not_accept_a_mailed_one_without_a_new_password(
        self, registered: User, acme: Any, alice: User
    ) -> None:
        """Somebody who is signed in with it and has the link is not the one who made it, or is."""
        row, _ = invite(acme, email=NINA, role="owner", proof=AddressProof.MAIL, by=acting(alice))
        with pytest.raises(AddressUnproven):
            accept(row, by=acting(registered))

    def test_operators_do_not_hand_it_an_organization(self, registered: User, acme: Any) -> None:
        with pytest.raises(AddressUnproven):
            actions.create_organization(slug="initech", name="Initech", owner=registered, by=CONSOLE)
        with pytest.raises(AddressUnproven):
            actions.add_member(acme, registered, role="owner", by=CONSOLE)
        assert registered.memberships.count() == 1

    def test_operators_do_not_hand_it_the_admin(self, registered: User, operator: Client) -> None:
        for right in ("is_staff", "is_support", "is_superuser"):
            with pytest.raises(AddressUnproven):
                change_person(registered, {right: True}, by=CONSOLE)
        registered.refresh_from_db()
        assert not registered.is_staff
        assert may_sign_in(registered)

    def test_two_of_them_invite_the_same(self, registered: User, acme: Any, alice: User) -> None:
        """The links are opened at the same time: one proves the address, and the other asks who it is."""
        first, _ = invite(acme, email=NINA, role="viewer", proof=AddressProof.MAIL, by=acting(alice))
        initech = actions.create_organization(slug="initech", name="Initech", owner=alice, by=CONSOLE)
        second, _ = invite(initech, email=NINA, role="owner", proof=AddressProof.MAIL, by=acting(alice))
        accept_and_prove(first, HERS, by=SOMEBODY)
        with pytest.raises(InvitationOver):
            accept_and_prove(second, PASSWORD, by=SOMEBODY)
        registered.refresh_from_db()
        assert registered.check_password(HERS)
        accept(second, by=acting(registered))
        assert registered.memberships.count() == 3


class TestThePersonArrives:
    @pytest.fixture
    def mailed(self, acme: Any, alice: User) -> str:
        return invite(acme, email=NINA, role="viewer", proof=AddressProof.MAIL, by=acting(alice))[1]

    def test_with_a_mailed_invitation_the_account_is_hers_alone(self, registered: User, mailed: str, acme: Any) -> None:
        mallorys = sign_in(registered)
        add_totp(registered)
        assert is_signed_in(mallorys)

        browser = Client()
        page = browser.get(f"/invitations/{mailed}/", follow=True)
        assert "Somebody created an account with your address" in page.text
        assert is_signed_in(mallorys), "opening a link changes nothing"
        answer = browser.post(ACCEPT, {"password": HERS})

        assert answer["Location"] == "/o/acme/"
        assert is_signed_in(browser)
        assert not is_signed_in(mallorys)
        registered.refresh_from_db()
        assert (registered.address_proof, registered.second_factors) == ("mail", "")
        assert registered.check_password(HERS)
        assert not is_signed_in(sign_in(registered, PASSWORD))
        assert acme.memberships.get(user=registered).role == "viewer"
        chains = Activity.objects.filter(action="account.address_proven").values_list("organization", flat=True)
        assert len(chains) == 3, "both organizations' and the portal's"

    def test_in_a_browser_that_is_signed_in_as_somebody_else(
        self, registered: User, mailed: str, owner: Client
    ) -> None:
        owner.get(f"/invitations/{mailed}/")
        assert owner.post(ACCEPT, {"password": HERS})["Location"] == "/o/acme/"
        assert owner.get("/o/acme/settings/api-keys/").status_code == 403, "nina only looks"

    def test_a_link_works_once(self, registered: User, mailed: str) -> None:
        first, second = Client(), Client()
        for browser in (first, second):
            browser.get(f"/invitations/{mailed}/")
        first.post(ACCEPT, {"password": HERS})
        assert second.post(ACCEPT, {"password": PASSWORD}).status_code == 410
        registered.refresh_from_db()
        assert registered.check_password(HERS)

    def test_a_link_that_was_shown_takes_nothing_over(self, registered: User, acme: Any, alice: User) -> None:
        row, token = invite(acme, email=NINA, role="viewer", by=acting(alice))
        browser = Client()
        browser.get(f"/invitations/{token}/")
        assert browser.post(ACCEPT, {"password": HERS}).status_code == 200
        with pytest.raises(InvitationOver):
            accept_and_prove(row, HERS, by=SOMEBODY)
        registered.refresh_from_db()
        assert registered.check_password(PASSWORD)

    def test_a_proven_account_is_taken_over_by_no_link(self, bob: User, umbrella: Any, mallory: User) -> None:
        row, token = invite(umbrella, email=bob.email, role="viewer", proof=AddressProof.MAIL, by=acting(mallory))
        browser = Client()
        browser.get(f"/invitations/{token}/")
        assert browser.post(ACCEPT, {"password": HERS}).status_code == 200
        with pytest.raises(InvitationOver):
            accept_and_prove(row, HERS, by=SOMEBODY)
        bob.refresh_from_db()
        assert bob.check_password(PASSWORD)

    def test_with_a_link_for_a_new_password(self, registered: User, sends_mail: None) -> None:
        mallorys = sign_in(registered)
        add_totp(registered)
        browser = Client()
        password_mails.ask_for_link(NINA)
        path = re.search(r"/accounts/password/reset/key/\S+/", str(mail.outbox[-1].body))
        assert path is not None
        form = browser.get(path[0], follow=True)
        assert is_signed_in(mallorys), "opening a link changes nothing"
        browser.post(form.redirect_chain[-1][0], {"password1": HERS, "password2": HERS})
        registered.refresh_from_db()
        assert (registered.address_proof, registered.second_factors, registered.check_password(HERS)) == (
            "mail", "", True,
        )  # fmt: skip
        assert not is_signed_in(mallorys)

    def test_a_printed_link_is_passed_on_by_an_operator(self, registered: User, settings: Any) -> None:
        settings.PORTAL_PRINTS_MAIL = True
        browser = Client()
        password_mails.ask_for_link(NINA)
        path = re.search(r"/accounts/password/reset/key/\S+/", str(mail.outbox[-1].body))
        assert path is not None
        form = browser.get(path[0], follow=True)
        browser.post(form.redirect_chain[-1][0], {"password1": HERS, "password2": HERS})
        registered.refresh_from_db()
        assert registered.address_proof == "operator"

    def test_a_new_password_by_mail_leaves_second_factors_of_a_proven_account(
        self, bob: User, sends_mail: None
    ) -> None:
        add_totp(bob)
        browser = Client()
        password_mails.ask_for_link(bob.email)
        path = re.search(r"/accounts/password/reset/key/\S+/", str(mail.outbox[-1].body))
        assert path is not None
        form = browser.get(path[0], follow=True)
        browser.post(form.redirect_chain[-1][0], {"password1": HERS, "password2": HERS})
        bob.refresh_from_db()
        assert (bob.check_password(HERS), bob.second_factors.partition(";")[0]) == (True, "totp")


def test_the_api_knows_no_people() -> None:
    """No key makes an account or a member: there is no such operation."""
    for operations in (api.public, api.v1):
        paths = operations.get_openapi_schema()["paths"]
        assert not [path for path in paths if re.search("invit|member|user|account", path)]


def test_the_organization_is_locked_first_then_the_account(registered: User, acme: Any, alice: User) -> None:
    row, _ = invite(acme, email=NINA, role="viewer", proof=AddressProof.MAIL, by=acting(alice))
    with row_locks() as locks:
        accept_and_prove(row, HERS, by=SOMEBODY)
    assert locks == ["groups_quota", "portal_user", "mfa_authenticator", "portal_activityhead"]


@pytest.mark.django_db(transaction=True)
def test_two_open_the_same_link_at_once(registered: User, acme: Any, alice: User) -> None:
    row, _ = invite(acme, email=NINA, role="viewer", proof=AddressProof.MAIL, by=acting(alice))
    done = at_once(*(partial(accept_and_prove, row, f"{HERS} {number}", by=SOMEBODY) for number in range(2)))
    refused = [each for each in done if isinstance(each, InvitationOver)]
    assert len(refused) == 1, done
    assert acme.memberships.filter(user=registered).count() == 1
