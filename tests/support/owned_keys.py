"""The API keys and invitations of anna, another owner of Acme: fixtures for tests of what becomes of them."""

from __future__ import annotations

from typing import Any, TypeAlias

import pytest

from portal.models import User
from portal.organizations.api_keys import create_key, find_live_key
from portal.organizations.invitations import invite
from tests.support.actors import acting

Texts: TypeAlias = dict[str, str]
TWO = ("ci", "deploy")


@pytest.fixture
def anna(acme: Any) -> User:
    """Another owner of Acme, who holds the keys `ci` and `deploy`, and invited nina."""
    person = User.objects.create_user("anna@acme.example")
    acme.memberships.create(user=person, role="owner")
    return person


@pytest.fixture
def texts(acme: Any, anna: User, alice: Any) -> Texts:
    """The texts of anna's keys, and of alice's `own`."""
    made = {name: create_key(organization_id=acme.pk, name=name, scope="read", by=acting(anna)) for name in TWO}
    made["own"] = create_key(organization_id=acme.pk, name="own", scope="read", by=acting(alice))
    invite(acme, email="nina@acme.example", role="owner", by=acting(anna))
    invite(acme, email="noor@acme.example", role="viewer", by=acting(alice))
    return {name: text for name, (_, text) in made.items()}


def working(texts: Texts) -> set[str]:
    return {name for name, text in texts.items() if find_live_key(text) is not None}
