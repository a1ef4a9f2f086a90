"""The cast and the ground rules of the tests.

alice owns Acme, bob is a member there, carol only looks. mallory owns another organization and is a stranger here.
sam is support, olga the operator. No test reaches outside loopback.
"""

from __future__ import annotations

import gc
import os
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# Before Django reads them: every test process has its own keys, blobs and database.
_HOME = tempfile.TemporaryDirectory(prefix="drayage-tests-")
for _name in [name for name in os.environ if name.startswith("PORTAL_") or name in ("DATABASE_URL", "REDIS_URL")]:
    del os.environ[_name]
os.environ["PORTAL_DATA_DIR"] = _HOME.name
if _database := os.environ.get("TEST_DATABASE_URL"):  # such as a PostgreSQL; SQLite otherwise
    os.environ["DATABASE_URL"] = _database
(Path(_HOME.name) / "static").mkdir()
os.environ["PORTAL_REGISTRY_ALLOW_NETWORKS"] = "127.0.0.0/8"
os.environ["PORTAL_WEBHOOK_ALLOW_NETWORKS"] = "127.0.0.0/8"
os.environ["PORTAL_SSO_ALLOW_NETWORKS"] = "127.0.0.0/8"
os.environ["PORTAL_SECRET_KEY"] = "only for tests"  # pragma: allowlist secret
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"

import django  # noqa: E402
from django.test import Client  # noqa: E402

django.setup()  # conftests of folders import models before pytest-django gets to it
del os.environ["DJANGO_SETTINGS_MODULE"]  # else pytest-xdist's processes read the settings before this file

pytest_plugins = ("tests.support.cloud_fixtures", "tests.support.database_fixtures")
PASSWORD = "correct horse battery"
OTHER_LEVELS = ("interop", "faults", "browser")
"""Markers of tests that are neither fast nor slow: docs/testing.md tells the levels."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is listed as slow, and what uses the database: only that is worth a second run on another one."""
    from tests.slow.listing import entries, function_of

    slow = entries()
    for item in items:
        if function_of(item.nodeid) in slow and not any(map(item.get_closest_marker, OTHER_LEVELS)):
            item.add_marker("slow")
        fixtures = item.fixturenames if isinstance(item, pytest.Function) else []
        if item.get_closest_marker("django_db") or {"db", "transactional_db"}.intersection(fixtures):
            item.add_marker("database")


def pytest_collection_finish() -> None:
    """Let the collector leave alone what was imported, and look at new objects less often: it took an eighth of the
    time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


@pytest.fixture(autouse=True, scope="session")
def _loopback_only() -> Iterator[None]:
    """Refuse every connection that would leave the machine."""
    really = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(("127.", "::1")):
            raise AssertionError(f"a test tried to reach {address!r}")
        return really(self, address)

    socket.socket.connect = connect  # type: ignore[method-assign, assignment]
    yield
    socket.socket.connect = really  # type: ignore[method-assign]


@pytest.fixture(autouse=True, scope="session")
def _without_waiting_for_the_disk() -> Iterator[None]:
    """Nothing here outlives the machine. Tests of what is synced replace `os.fsync` themselves."""
    really = os.fsync
    os.fsync = lambda fd: None
    yield
    os.fsync = really


@pytest.fixture(autouse=True, scope="session")
def _keys() -> None:
    """What `up` prepares before the first request."""
    from registries.secrets import issuer_rotation, keyring

    keyring.create_missing()
    issuer_rotation.ensure_key()


@pytest.fixture(autouse=True)
def _no_tls_hosts() -> Iterator[None]:
    """A port that a registry with TLS had is the next registry's."""
    yield
    for path in Path(_HOME.name).glob("keys/worker/tls-hosts/*"):
        path.unlink()


@pytest.fixture(autouse=True)
def _quick(settings: Any) -> None:
    """Leave out what only costs time here: hashed static files, slow password hashes."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }


@pytest.fixture
def blobs(settings: Any, tmp_path: Path) -> Path:
    """An empty blob store of this test's own; returns its folder."""
    folder = tmp_path / "blobs"
    settings.STORAGES = settings.STORAGES | {
        "blobs": {"BACKEND": "groups.storage.blob_files.BlobFiles", "OPTIONS": {"location": str(folder)}}
    }
    return folder


@pytest.fixture
def redis() -> Iterator[Any]:
    """The embedded Redis, as `up` starts it."""
    import django_rq

    from portal.runtime import services

    child = services.embedded_redis()
    assert child is not None
    process = subprocess.Popen(child.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        services.wait_for_redis()
        connection = django_rq.get_connection("pulls")
        connection.flushall()  # it keeps its file from test to test
        yield connection
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def acme(db: None, alice: Any) -> Any:
    """An organization that alice owns."""
    return _organization("acme", "Acme", alice)


@pytest.fixture
def project(acme: Any) -> Any:
    return acme.projects.get(slug="default")


def _organization(slug: str, name: str, owner: Any) -> Any:
    """What `portal.organizations.actions.create_organization` makes, without a record in its activity."""
    from groups.models import Quota
    from portal.models import Organization
    from portal.organizations.identities import mark_organization, mark_project

    organization = Organization.objects.create(slug=slug, name=name)
    mark_organization(organization)
    Quota.objects.create(organization_id=organization.pk)
    mark_project(organization.projects.create(slug="default", name="Default"))
    organization.memberships.create(user=owner, role="owner")
    return organization


def _person(email: str, **fields: Any) -> Any:
    from portal.models import User

    return User.objects.create_user(email, PASSWORD, **{"address_proof": "mail"} | fields)


@pytest.fixture
def alice(db: None) -> Any:
    """Owner of Acme."""
    return _person("alice@acme.example")


@pytest.fixture
def bob(acme: Any) -> Any:
    """Member of Acme."""
    person = _person("bob@acme.example")
    acme.memberships.create(user=person, role="member")
    return person


@pytest.fixture
def carol(acme: Any) -> Any:
    """Viewer at Acme."""
    person = _person("carol@acme.example")
    acme.memberships.create(user=person, role="viewer")
    return person


@pytest.fixture
def mallory(db: None) -> Any:
    """Owner of Umbrella, a stranger at Acme."""
    person = _person("mallory@umbrella.example")
    _organization("umbrella", "Umbrella", person)
    return person


@pytest.fixture
def sam(db: None) -> Any:
    """Support, with the second factor without which they reach nothing."""
    return _with_factor(_person("sam@drayage.example", is_staff=True, is_support=True, address_proof="operator"))


@pytest.fixture
def olga(db: None) -> Any:
    """Operator, with the second factor without which they reach nothing."""
    from portal.models import User

    return _with_factor(User.objects.create_superuser("olga@drayage.example", PASSWORD))


def _with_factor(person: Any) -> Any:
    from tests.support.second_factors import add_totp

    add_totp(person)
    return person


@pytest.fixture
def as_user() -> Callable[[Any], Client]:
    """Return a browser in which the given person has just signed in: `as_user(alice).get(…)`."""
    from tests.support.fresh_sign_ins import signed_in

    return signed_in


@pytest.fixture
def owner(alice: Any, acme: Any, as_user: Callable[[Any], Client]) -> Client:
    """alice's browser."""
    return as_user(alice)


@pytest.fixture
def member(bob: Any, as_user: Callable[[Any], Client]) -> Client:
    """bob's browser."""
    return as_user(bob)


@pytest.fixture
def support(sam: Any, as_user: Callable[[Any], Client]) -> Client:
    """sam's browser."""
    return as_user(sam)


@pytest.fixture
def operator(olga: Any, as_user: Callable[[Any], Client]) -> Client:
    """olga's browser."""
    return as_user(olga)
