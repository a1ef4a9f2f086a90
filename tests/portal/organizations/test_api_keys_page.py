"""The page of API keys: what it offers, and what it says after each step. No response with a key is cached."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from portal.models import ApiKey
from portal.organizations import api_keys
from portal.organizations.api_keys import create_key
from registries.foundation.actor import CONSOLE
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
