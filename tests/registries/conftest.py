"""A member's browser, a credential, and one of a stranger beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.test import Client

from portal.models import Organization, User
from registries.models import Credential
from tests.support.pulls import make_credential

HOST = "registry.example.com"


@pytest.fixture
def credential(acme: Organization) -> Credential:
    """One that is held for its pull."""
    return make_credential(acme, HOST)


@pytest.fixture
def browser(bob: User, as_user: Callable[[User], Client]) -> Client:
    """A member's."""
    return as_user(bob)


@pytest.fixture
def others_stay_as_they_are(mallory: User) -> Iterator[None]:
    """Beside it is one of a stranger's, which no action on another may touch."""
    stranger = make_credential(Organization.objects.get(slug="umbrella"), HOST)
    rows = Credential.objects.filter(pk=stranger.pk)
    [before] = rows.values()
    yield
    assert list(rows.values()) == [before]
