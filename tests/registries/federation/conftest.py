"""Organizations, as tokens name them."""

from __future__ import annotations

import pytest

from portal.models import Organization, Project, User
from registries.federation.identities import Identity, identity_of


@pytest.fixture
def identity(acme: Organization, project: Project) -> Identity:
    return identity_of(acme, project)


@pytest.fixture
def umbrella(mallory: User) -> Organization:
    """Mallory's own organization."""
    return mallory.organizations.get()
