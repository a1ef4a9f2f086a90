"""The page of API keys: what it offers, and what it says after each step. No response with a key is cached."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail
from django.test import Client

from portal.models import ApiKey
from portal.organizations import api_keys
from portal.organizations.api_keys import KeyRefused, create_key, expiry_after, find_live_key
from registries.foundation.actor import CONSOLE
from tests.support.actors import acting
from tests.support.page_messages import messages_of

PAGE = "/o/acme/settings/api-keys/"
TYPED = {"name": "deploy", "scope": "write", "days": "90"}


def test_what_it_offers(owner: Client, acme: Any, settings: Any) -> None:
    settings.PORTAL_PUBLIC_URL = "https://portal.example"
    create_key(organization_id=acme.pk, name="nightly", scope="read", by=CONSOLE)

    page = owner.get(PAGE)

    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    offered = ('name="name"', 'name="scope"', 'name="days"', "https://portal.example/api/public", "nightly")
    assert [part for part in offered if part not in page.text] == []
    assert "It is shown only now" not in page.text
    row = ApiKey.objects.get()
    for address in (f"{PAGE}create/", f"{PAGE}{row.pk}/rotate/", f"{PAGE}{row.pk}/revoke/"):
        assert owner.get(address).status_code == 405
    assert owner.post(PAGE).status_code == 405
    assert ApiKey.objects.live().get() == row


def test_a_new_key_is_shown_in_a_response_that_nobody_keeps(owner: Client) -> None:
    for scope, may in (("write", "change and delete"), ("read", "read")):
        made = owner.post(f"{PAGE}create/", TYPED | {"scope": scope})
        renewed = owner.post(f"{PAGE}{ApiKey.objects.live().latest('created_at').pk}/rotate/")

        for page in (made, renewed):
            words = " ".join(page.text.split())
            assert (page.status_code, "no-store" in page["Cache-Control"]) == (200, True)
            assert "Keep the key of deploy" in words
            assert f"Whoever has it can {may} everything here" in words
            assert 'name="days"' in words


def test_a_key_that_is_refused(owner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "MAX_LIVE_KEYS", 0)

    refused = owner.post(f"{PAGE}create/", TYPED)

    assert refused.status_code == 422
    assert "at most 0 keys that work" in refused.text
    assert 'value="deploy"' in refused.text, "what was typed stays"
    wrong = owner.post(f"{PAGE}create/", TYPED | {"name": ""})
    assert (wrong.status_code, "Name the key after" in wrong.text) == (422, True)


def test_what_is_said_when_a_key_ends(owner: Client, acme: Any) -> None:
    row, _ = create_key(organization_id=acme.pk, name="ci", scope="read", by=CONSOLE)
    for action, words in (
        ("revoke", "ci has been revoked."),
        ("revoke", "ci was already revoked or expired."),
        ("rotate", "ci is already revoked or expired. Create a new key."),
    ):
        done = owner.post(f"{PAGE}{row.pk}/{action}/")

        assert (done.status_code, done["Location"]) == (302, PAGE)
        assert messages_of(done)[-1:] == [words]


def test_it_says_whose_a_key_is_where_it_works_and_from_where_it_was_used(
    owner: Client, acme: Any, project: Any, alice: Any, bob: Any
) -> None:
    new = {"organization_id": acme.pk, "scope": "write"}
    _, text = create_key(**new, name="ci", project_id=project.pk, by=acting(alice))
    find_live_key(text, address="198.51.100.7")
    create_key(**new, name="old", by=CONSOLE)
    acme.memberships.filter(user=bob).update(role="owner")
    create_key(**new, name="bobs", by=acting(bob))
    acme.memberships.filter(user=bob).update(role="member")

    shown = " ".join(owner.get(PAGE).text.split())

    for part in (alice.email, "only Default", "from 198.51.100.7", "No owner", "its owner is no longer an owner"):
        assert part in shown, part
    assert shown.count("Take over") == 4  # a button and its label for each key of others
    assert shown.count("/take-over/") == 2


def test_taking_a_key_over(owner: Client, acme: Any, alice: Any) -> None:
    row, text = create_key(organization_id=acme.pk, name="old", scope="read", by=CONSOLE)

    answer = owner.post(f"{PAGE}{row.pk}/take-over/")
    assert messages_of(answer) == ["old is your key now. It ends when you are no longer an owner."]
    assert messages_of(owner.post(f"{PAGE}{row.pk}/take-over/"))[-1] == "old was your key already."

    found = find_live_key(text)
    assert found is not None
    assert found.owner == alice


def test_a_key_of_a_single_project_is_created_on_the_page(owner: Client, acme: Any, project: Any, mallory: Any) -> None:
    form = {"name": "ci", "scope": "read", "days": "90"}
    elsewhere = mallory.organizations.get().projects.create(slug="other", name="Other")

    assert owner.post(f"{PAGE}create/", form | {"project": elsewhere.slug}).status_code == 422
    assert not ApiKey.objects.exists()
    made = owner.post(f"{PAGE}create/", form | {"project": project.slug})

    assert "in the project Default" in " ".join(made.text.split())
    assert ApiKey.objects.get().project == project


def test_a_new_key_is_mailed_to_its_owner(
    owner: Client, acme: Any, alice: Any, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.PORTAL_SENDS_MAIL = True
    with django_capture_on_commit_callbacks(execute=True):
        made = owner.post(f"{PAGE}create/", {"name": "ci", "scope": "read", "days": "90"})
    with django_capture_on_commit_callbacks(execute=True):
        owner.post(f"{PAGE}{ApiKey.objects.get().pk}/rotate/")

    assert [(sent.to, sent.subject) for sent in mail.outbox] == [
        ([alice.email], "[Drayage] An API key was created"), ([alice.email], "[Drayage] An API key was rotated"),
    ]  # fmt: skip
    key = made.context["text"]
    assert key not in str([sent.body for sent in mail.outbox])


@pytest.mark.parametrize(("days", "works"), [(365, True), (366, False)])
def test_a_key_works_for_a_year_at_most(acme: Any, alice: Any, days: int, works: bool) -> None:
    until = expiry_after(days)
    if works:
        create_key(organization_id=acme.pk, name="ci", scope="read", expires_at=until, by=acting(alice))
    else:
        with pytest.raises(KeyRefused, match="at most 365 days"):
            create_key(organization_id=acme.pk, name="ci", scope="read", expires_at=until, by=acting(alice))
    assert ApiKey.objects.exists() == works
