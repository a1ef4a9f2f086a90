"""The pages on which a role changes or ends: what they show first, and what they say afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from portal.models import ApiKey, Invitation, Membership, User
from portal.notifications import webhooks
from portal.organizations.api_keys import create_key, find_live_key
from portal.organizations.invitations import invite
from tests.support.actors import acting
from tests.support.page_messages import messages_of

MEMBERS = "/o/acme/settings/members/"


@pytest.fixture
def anna(acme: Any) -> User:
    """Another owner, with two keys, one of them used, and an invitation."""
    person = User.objects.create_user("anna@acme.example")
    acme.memberships.create(user=person, role="owner")
    _, used = create_key(organization_id=acme.pk, name="ci", scope="write", by=acting(person))
    find_live_key(used, address="198.51.100.7")
    create_key(organization_id=acme.pk, name="deploy", scope="read", by=acting(person))
    invite(acme, email="nina@acme.example", role="viewer", by=acting(person))
    return person


def at(person: User, page: str) -> str:
    return f"{MEMBERS}{Membership.objects.get(user=person, organization__slug='acme').pk}/{page}/"


@pytest.mark.parametrize("page", ["role", "remove"])
def test_it_shows_what_somebody_holds(owner: Client, anna: User, acme: Any, alice: Any, page: str) -> None:
    webhooks.add(acme, address="https://hooks.example.com/x", kinds=["group.ready"], by=acting(alice))
    shown = owner.get(at(anna, page)).text

    key = ApiKey.objects.get(name="ci")
    parts = (
        "ci",
        "deploy",
        f"{key.prefix}…",
        "198.51.100.7",
        "nina@acme.example",
        "hooks.example.com",
        "until you rotate them",
    )
    assert [part for part in parts if part not in shown] == []
    assert f'name="keep" value="{key.pk}"' in shown
    assert Membership.objects.get(user=anna).role == "owner"
    assert ApiKey.objects.live().count() == 2


def test_who_holds_nothing(owner: Client, bob: Any) -> None:
    assert "No API keys and no open invitations." in owner.get(at(bob, "remove")).text
    answer = owner.post(at(bob, "remove"))
    assert messages_of(answer) == ["bob@acme.example is no longer in Acme, and signed out everywhere."]


def test_removing_says_what_ended(owner: Client, anna: User) -> None:
    answer = owner.post(at(anna, "remove"))

    said = "anna@acme.example is no longer in Acme, and signed out everywhere. 2 API keys and 1 invitation ended."
    assert messages_of(answer) == [said]
    assert not ApiKey.objects.live().exists()
    assert not Invitation.objects.open().exists()


def test_removing_hands_over_what_was_chosen(owner: Client, anna: User, alice: Any) -> None:
    key = ApiKey.objects.get(name="ci")
    answer = owner.post(at(anna, "remove"), {"keep": [str(key.pk)]})

    assert messages_of(answer)[0].endswith("1 API key and 1 invitation ended, 1 API key handed over.")
    assert ApiKey.objects.live().get().owner == alice


@pytest.mark.parametrize("kept", ["x", "00000000-0000-4000-8000-000000000000"])
def test_a_key_that_is_not_theirs_is_not_handed_over(owner: Client, anna: User, kept: str) -> None:
    answer = owner.post(at(anna, "remove"), {"keep": [kept]})

    assert messages_of(answer) == ["Their API keys changed since you opened the page. Check the list again."]
    assert Membership.objects.filter(user=anna).exists()


def test_demoting_hands_over_too(owner: Client, anna: User, alice: Any) -> None:
    key = ApiKey.objects.get(name="ci")
    answer = owner.post(at(anna, "role"), {"role": "member", "keep": [str(key.pk)]})

    assert messages_of(answer) == [
        "anna@acme.example is now a member. 1 API key and 1 invitation ended, 1 API key handed over."
    ]
    assert ApiKey.objects.live().get().owner == alice


def test_leaving_shows_and_ends_them_and_keeps_the_own_browser(acme: Any, alice: Any, anna: User, as_user: Any) -> None:
    here, elsewhere = as_user(anna), as_user(anna)
    shown = here.get(f"{MEMBERS}leave/").text
    assert "ask another owner to take it over first" in shown
    assert 'name="keep"' not in shown

    answer = here.post(f"{MEMBERS}leave/")

    assert messages_of(answer) == ["You left Acme. 2 API keys and 1 invitation ended."]
    assert here.get("/", follow=True).context["user"] == anna
    assert "/accounts/login/" in elsewhere.get("/")["Location"]


@pytest.mark.parametrize("how", ["remove", "role"])
def test_whoever_it_was_is_signed_out_everywhere(owner: Client, anna: User, as_user: Any, how: str) -> None:
    browser = as_user(anna)
    assert browser.get(MEMBERS).status_code == 200

    owner.post(at(anna, how), {"role": "viewer"})

    assert "/accounts/login/" in browser.get(MEMBERS)["Location"]
    anna.refresh_from_db()
    assert as_user(anna).get(MEMBERS).status_code == (404 if how == "remove" else 200)


def test_an_owner_who_demotes_themself_stays_signed_in(owner: Client, anna: User, alice: Any, acme: Any) -> None:
    owner.post(at(alice, "role"), {"role": "viewer"})

    assert acme.memberships.get(user=alice).role == "viewer"
    assert owner.get(MEMBERS).status_code == 200
    assert owner.get("/o/acme/settings/api-keys/").status_code == 403


def test_the_last_owner_reads_what_to_do_and_gets_no_button(owner: Client, acme: Any) -> None:
    for page in (MEMBERS, f"{MEMBERS}leave/"):
        shown = owner.get(page).text
        assert "only owner" in shown
        assert "door-exit" not in shown.partition("You are its only owner")[2]
    said = "An organization needs an owner. Make somebody else owner first."
    assert messages_of(owner.post(f"{MEMBERS}leave/")) == [said]

    anna = User.objects.create_user("anna@acme.example")
    acme.memberships.create(user=anna, role="owner")
    assert f'href="{MEMBERS}leave/"' in owner.get(MEMBERS).text
    assert '<button class="btn btn-danger"' in owner.get(f"{MEMBERS}leave/").text
    User.objects.filter(pk=anna.pk).update(is_active=False)
    assert f'href="{MEMBERS}leave/"' not in owner.get(MEMBERS).text
