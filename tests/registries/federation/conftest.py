"""The clouds, and the organizations that they know."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from portal.models import Organization, Project, User
from registries.federation.identities import Identity, identity_of
from tests.support.fakes.certificates import Authority
from tests.support.fakes.clouds.server import Clouds
from tests.support.trusts import REPOSITORY, publish_issuers


@pytest.fixture(scope="session")
def cloud_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(Path(tmp_path_factory.mktemp("clouds")))


@pytest.fixture
def clouds(cloud_authority: Authority, acme: Organization, settings: Settings) -> Iterator[Clouds]:
    """All clouds, which find Acme's issuer at `portal.example`."""
    settings.PORTAL_PUBLIC_URL = "https://portal.example"
    settings.ALLOWED_HOSTS = ["portal.example"]
    with Clouds(cloud_authority) as running:
        running.push_image(REPOSITORY, "1.0")
        publish_issuers(running, acme)
        yield running
        assert running.errors == []


@pytest.fixture
def identity(acme: Organization, project: Project) -> Identity:
    return identity_of(acme, project)


@pytest.fixture
def umbrella(mallory: User) -> Organization:
    """Mallory's own organization."""
    return mallory.organizations.get()
