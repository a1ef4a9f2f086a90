"""A thief of the database and of Redis presents everything that is in them, everywhere, and remains a stranger."""

from __future__ import annotations

import base64
import json
import pickle
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.core import signing
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client

from portal.accounts import session_limits
from portal.models import User
from tests.support.copied_values import expand, read_database, read_redis
from tests.support.portal_in_use import PortalInUse, make_portal_in_use
from tests.support.stolen_copy import Thief, places, quick_pages


@pytest.fixture
def unused(db: None) -> dict[str, str]:
    """What the database of every portal says before anybody uses it, such as the names of permissions."""
    return read_database()


@pytest.fixture
def in_use(
    unused: dict[str, str], acme: Any, alice: User, bob: User, olga: User, mallory: User, blobs: Any, settings: Any
) -> PortalInUse:
    """A portal in use, without the limits that would keep a thief from trying."""
    cache.clear()
    settings.ACCOUNT_RATE_LIMITS = False
    return make_portal_in_use(acme, {"alice": alice, "bob": bob, "olga": olga, "mallory": mallory})


@pytest.fixture
def thief(in_use: PortalInUse) -> Iterator[Thief]:
    """Somebody with the copies."""
    with quick_pages():
        yield Thief(places(lambda: Client(raise_request_exception=False), in_use.midway, in_use.person.email))


def test_the_copies_say_no_secret(in_use: PortalInUse, redis: Any) -> None:
    """Not even as part of something, in another encoding or backwards."""
    copied = read_database() | read_redis(redis)
    everything = "\n".join(copied)
    assert len(copied) > 1000
    for name, secret in in_use.secrets.items():
        raw = secret.encode()
        forms = (secret, secret[::-1], raw.hex(), base64.b64encode(raw).decode(), secret.split("_", 1)[-1])
        assert not [form for form in forms if form in everything], name


def test_nothing_that_is_copied_is_a_bearer(
    unused: dict[str, str], in_use: PortalInUse, thief: Thief, redis: Any
) -> None:
    copied = read_database() | read_redis(redis)
    findings = thief.present(value for value in copied if value not in unused)
    assert [(finding.place, finding.value, copied[finding.value]) for finding in findings] == []


HELD = {
    "password": "password",
    "session of alice": "session cookie",
    "session of olga": "session cookie",
    "password link": "password link",
    "opened password link": "password link",
    "invitation": "invitation",
    "write key": "API key",
    "read key": "API v1 key",
    "enrolment code": "enrolment code",
    "bearer": "bearer of a session",
    "node token": "node token",
    "second factor": "second factor from its secret",
    "recovery code": "second factor",
}
"""Where each kind of secret is taken."""
FORMS = ["{}", '{{"a": ["x", {{"b": "{}"}}]}}', "next=/x/{}/&y", "base64"]


def test_a_secret_that_is_stored_would_be_found(in_use: PortalInUse, thief: Thief) -> None:
    """In a table that nobody thought of, in each form."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE forgotten (note text)")
    for kind, place in HELD.items():
        secret = in_use.secrets[kind]
        for form in FORMS:
            stored = base64.b64encode(secret.encode()).decode() if form == "base64" else form.format(secret)
            if kind == "password" and form == "next=/x/{}/&y":
                continue  # it has blanks
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("INSERT INTO forgotten VALUES (%s)", [stored])
                copied = [value for value, where in read_database().items() if where == "forgotten.note"]
                cursor.execute("DELETE FROM forgotten")
            assert secret in copied, (kind, form)
        with transaction.atomic():
            assert any(finding.place.startswith(place) for finding in thief.present([secret])), kind
            transaction.set_rollback(True)


def test_djangos_own_sessions_would_be_found(in_use: PortalInUse, thief: Thief, settings: Any, olga: User) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.db"
    browser = Client()
    browser.force_login(olga, backend="django.contrib.auth.backends.ModelBackend")
    session = browser.session
    session_limits.begin(session)
    session.save()
    key = browser.cookies["sessionid"].value
    assert read_database()[key] == "django_session.session_key"
    assert "session cookie" in {finding.place for finding in thief.present([key])}


def test_what_is_inside_of_a_value_is_read() -> None:
    inner = {"deep": [1, {"key": "needle-in-a-stack"}]}
    for value in (
        inner,
        json.dumps(inner),
        json.dumps(inner).encode(),
        base64.b64encode(json.dumps(inner).encode()).decode(),
        base64.b64encode(pickle.dumps(inner)).decode(),
        zlib.compress(json.dumps(inner).encode()),
        signing.dumps(inner, compress=True),
        memoryview(b"a needle-in-a-stack b"),
    ):
        assert "needle-in-a-stack" in set(expand(value))
    assert {"191734", "09:11:52.191734"}.isdisjoint(expand("2026-11-30 09:11:52.191734"))
