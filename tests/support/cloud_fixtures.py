"""The clouds on loopback, for tests of whatever asks them. A plugin of pytest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.fakes.certificates import Authority
from tests.support.fakes.clouds.server import Clouds


@pytest.fixture(scope="session")
def cloud_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(Path(tmp_path_factory.mktemp("clouds")))


@pytest.fixture
def clouds(cloud_authority: Authority, acme: Any, settings: Any) -> Iterator[Clouds]:
    """All clouds, which find Acme's issuer at `portal.example`."""
    settings.PORTAL_PUBLIC_URL = "https://portal.example"
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "portal.example"]
    from tests.support.trusts import REPOSITORY, publish_issuers

    with Clouds(cloud_authority) as running:
        running.push_image(REPOSITORY, "1.0")
        publish_issuers(running, acme)
        yield running
        assert running.errors == []


@pytest.fixture
def reachable(clouds: Clouds, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Clouds:
    """The clouds, where the portal's own workers reach them by their names."""
    from groups.ingest import opened_trust, registry_access
    from tests.support.trusts import guard_of

    settings.PORTAL_REGISTRY_CA_FILE = clouds.ca_file
    for module in (opened_trust, registry_access):
        monkeypatch.setattr(module, "address_guard", lambda: guard_of(clouds))
    return clouds
