"""Providers that run for all tests of a module, and organizations with one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import identity_providers
from tests.support.identity_providers import SsoBrowser, portals_own, provider_of, tell, verified_domain


@pytest.fixture(scope="module")
def real_issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The issuer of oidc-provider-mock."""
    with identity_providers.real_provider(tmp_path_factory.mktemp("real")) as issuer:
        yield issuer


@pytest.fixture(scope="module")
def lying_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with identity_providers.lying_provider(tmp_path_factory.mktemp("lying")) as issuer:
        yield issuer


@pytest.fixture
def lying_issuer(lying_process: str) -> str:
    """The issuer of the lying provider, which is honest until a test changes that."""
    tell(lying_process)
    return lying_process


@pytest.fixture
def acme_provider(lying_issuer: str, acme: Any, bob: Any) -> Any:
    """Acme's provider, with Acme's domain."""
    verified_domain(acme)
    return provider_of(acme, lying_issuer)


@pytest.fixture
def dora(acme: Any, lying_issuer: str) -> SsoBrowser:
    """A browser of somebody whom Acme's provider brought."""
    verified_domain(acme)
    provider_of(acme, lying_issuer, adds_members=True)
    tell(lying_issuer, "", email="dora@acme.example")
    browser = SsoBrowser()
    assert browser.sign_in("acme").status_code == 302
    return browser


@pytest.fixture
def portal_sso(settings: Any, real_issuer: str) -> str:
    """The real provider as the whole portal's."""
    portals_own(settings, real_issuer)
    return real_issuer
