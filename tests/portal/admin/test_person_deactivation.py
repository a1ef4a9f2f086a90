"""The page between the form and the deactivation."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from django.test import Client

from portal.models import ApiKey, User
from portal.organizations.api_keys import create_key
from portal.organizations.invitations import invite
from tests.support.activity import recorded
from tests.support.actors import acting


def page(person: User) -> str:
    return f"/admin/portal/user/{person.pk}/change/"


def form(person: User, **changes: str) -> dict[str, str]:
    return {"email": person.email, "first_name": "", "last_name": "", "role": "none", "_save": "Save", **changes}


def fields_in(text: str) -> dict[str, str]:
    """The hidden fields of the page that asks."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', text)
    return {name: unescape(value) for name, value in found if name != "csrfmiddlewaretoken"}


def test_it_says_what_ends_and_changes_nothing(operator: Client, acme: Any, alice: User) -> None:
    create_key(organization_id=acme.pk, name="ci", scope="write", by=acting(alice))
    invite(acme, email="nina@acme.example", role="viewer", by=acting(alice))

    shown = operator.post(page(alice), form(alice, first_name='<Al"ice>'))
    for text in ("Deactivate alice@acme.example?", "API key ci", "nina@acme.example as viewer", "Nobody else owns it"):
        assert text in shown.text, text
    alice.refresh_from_db()
    assert (alice.is_active, alice.first_name, ApiKey.objects.live().count()) == (True, "", 1)
    assert recorded(organization=None) == []

    done = operator.post(page(alice), fields_in(shown.text))
    assert done.status_code == 302
    alice.refresh_from_db()
    assert (alice.is_active, alice.first_name, ApiKey.objects.live().count()) == (False, '<Al"ice>', 0)


def test_what_deactivates_nobody_is_not_asked_for(operator: Client, bob: User, olga: User) -> None:
    assert operator.post(page(bob), form(bob, is_active="on", first_name="Bob")).status_code == 302
    assert operator.post(page(olga), form(olga)).status_code == 302, "operators don't deactivate themselves"
    User.objects.filter(pk=bob.pk).update(is_active=False)
    bob.refresh_from_db()
    bob.set_authority_mark()
    bob.save()
    assert operator.post(page(bob), form(bob, first_name="Robert")).status_code == 302
    bob.refresh_from_db()
    assert (bob.is_active, bob.first_name) == (False, "Robert")


def test_whoever_may_not_change_people_does_not_see_it(acme: Any, bob: User, sam: User, as_user: Any) -> None:
    assert as_user(sam).post(page(bob), form(bob)).status_code == 403
