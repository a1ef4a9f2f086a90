"""One's own account: its name, and deleting it."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from portal.accounts.own_account import NotDeleted, delete_account, departures_of, rename_self
from portal.audit.verification import verify
from portal.models import Activity, ApiKey, Invitation, Membership, User
from portal.organizations import api_keys, invitations
from tests.support.activity import recorded
from tests.support.actors import acting
from tests.support.concurrency import at_once
from tests.support.fresh_sign_ins import signed_in

DELETE = "/accounts/profile/delete/"


def is_there(person: User) -> bool:
    return User.objects.filter(pk=person.pk).exists()


@pytest.fixture
def anna(acme: Any) -> User:
    """Another owner of Acme, with a key and an open invitation."""
    person = User.objects.create_user("anna@acme.example", "correct horse battery", address_proof="mail")
    acme.memberships.create(user=person, role="owner")
    api_keys.create_key(organization_id=acme.pk, name="builds", scope="write", by=acting(person))
    invitations.invite(acme, email="nina@acme.example", role="owner", by=acting(person))
    return person


def test_what_is_deleted_and_what_stays(
    anna: User, acme: Any, alice: User, as_user: Any, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.PORTAL_SENDS_MAIL = True
    browser = as_user(anna)
    with django_capture_on_commit_callbacks(execute=True):
        delete_account(anna, by=acting(anna))
    assert not is_there(User(pk=anna.pk))
    assert browser.get("/o/acme/").status_code == 302
    assert not ApiKey.objects.live().exists()
    assert not Invitation.objects.open().exists()
    assert mail.outbox[-1].to == ["anna@acme.example"]
    rows = recorded(organization=acme)
    assert ("anna@acme.example", "key.created", "builds", "write") in rows, "the activity keeps its text"
    assert rows[-1] == (
        "anna@acme.example", "account.deleted", "anna@acme.example", "1 API key and 1 invitation ended",
    )  # fmt: skip
    assert recorded(organization=None)[-1][1] == "account.deleted"
    assert not list(verify())


def test_the_last_owner_stays(alice: User, acme: Any, bob: User) -> None:
    assert [(each.organization, each.is_last_owner) for each in departures_of(alice)] == [(acme, True)]
    with pytest.raises(NotDeleted, match="You are the last owner of Acme"):
        delete_account(alice, by=acting(alice))
    assert is_there(alice)
    assert Membership.objects.filter(organization=acme).count() == 2


def test_two_owners_do_not_leave_together(alice: User, anna: User, acme: Any) -> None:
    delete_account(anna, by=acting(anna))
    with pytest.raises(NotDeleted):
        delete_account(alice, by=acting(alice))


@pytest.mark.django_db(transaction=True)
def test_two_owners_at_once(alice: User, anna: User, acme: Any) -> None:
    done = at_once(*(partial(delete_account, person, by=acting(person)) for person in (alice, anna)))
    assert len([each for each in done if isinstance(each, NotDeleted)]) == 1, done
    assert acme.memberships.filter(role="owner").count() == 1


@pytest.mark.parametrize("name", ["olga", "sam"])
def test_who_runs_the_portal_stays(name: str, request: pytest.FixtureRequest) -> None:
    person = request.getfixturevalue(name)
    with pytest.raises(NotDeleted, match="Ask another operator"):
        delete_account(person, by=acting(person))
    assert is_there(person)


class TestThePage:
    def test_it_says_what_happens(self, owner: Client) -> None:
        page = owner.get(DELETE).text
        assert "the activity, with your email address" in page
        assert "make somebody else owner" in page

    def test_the_address_confirms_it(self, bob: User, member: Client) -> None:
        assert member.post(DELETE, {"email": "alice@acme.example"}).status_code == 422
        assert is_there(bob)
        page = member.post(DELETE, {"email": "Bob@acme.example"}, follow=True)
        assert "Your account is deleted" in page.text
        assert not is_there(bob)
        assert member.get("/o/acme/").status_code == 302

    def test_a_refusal_is_shown(self, alice: User, owner: Client) -> None:
        page = owner.post(DELETE, {"email": alice.email}, follow=True)
        assert "You are the last owner of Acme" in page.text
        assert is_there(alice)

    def test_it_asks_for_a_fresh_sign_in(self, bob: User) -> None:
        browser = signed_in(bob, ago=3600)
        assert browser.post(DELETE, {"email": bob.email})["Location"].startswith("/accounts/reauthenticate/")
        assert is_there(bob)

    def test_another_site_deletes_nothing(self, bob: User) -> None:
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(bob, backend="django.contrib.auth.backends.ModelBackend")
        assert browser.post(DELETE, {"email": bob.email}).status_code == 403
        assert is_there(bob)


class TestTheName:
    def test_it_is_saved(self, bob: User, member: Client) -> None:
        page = member.post("/accounts/profile/name/", {"first_name": "Bob", "last_name": "Builder"}, follow=True)
        assert 'value="Builder"' in page.text
        bob.refresh_from_db()
        assert (bob.get_full_name(), bob.is_unaltered) == ("Bob Builder", True)
        assert recorded(organization=None)[-1][1] == "account.changed"

    def test_the_same_again_changes_nothing(self, bob: User) -> None:
        assert not rename_self(bob, first_name="", last_name="", by=acting(bob))
        assert not Activity.objects.filter(action="account.changed").exists()

    def test_no_line_breaks(self, bob: User, member: Client) -> None:
        page = member.post("/accounts/profile/name/", {"first_name": "Bob\u202e", "last_name": ""})
        assert page.status_code == 422
