"""Of a destroyed credential's sealed bytes nothing stays in SQLite's file or its log, and nobody reads them from
PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from portal.models import Organization
from registries.actions import destroy_overdue
from registries.credential_rows import empty_credential, note_use
from registries.foundation.actor import PORTAL
from registries.models import Credential
from registries.secrets import sqlite_remnants
from tests.support.file_contents import bytes_of
from tests.support.pulls import make_credential

pytestmark = pytest.mark.django_db(transaction=True)
ON_SQLITE = connection.vendor == "sqlite"


@pytest.fixture
def credential(acme: Organization) -> Credential:
    return make_credential(acme, "registry.example.com")


def bytes_left() -> bytes:
    """What an attacker could still read of credentials: all of SQLite's file and log; of PostgreSQL what another
    connection reads."""
    if ON_SQLITE:
        path = str(connection.settings_dict["NAME"])
        return bytes_of(path, f"{path}-wal")
    with closing(connection.copy()) as other, other.cursor() as cursor:
        cursor.execute("SELECT sealed FROM registries_credential")
        return b"".join(bytes(sealed) for (sealed,) in cursor.fetchall() if sealed)


@contextmanager
def somebody_reads() -> Iterator[None]:
    """A transaction of another connection that has read the credentials and is still open."""
    begin = "BEGIN" if ON_SQLITE else "BEGIN ISOLATION LEVEL REPEATABLE READ"
    with closing(connection.copy()) as other, other.cursor() as cursor:
        for statement in (begin, "SELECT count(*) FROM registries_credential"):
            cursor.execute(statement)
        cursor.fetchall()
        yield
        cursor.execute("COMMIT")


def pieces(sealed: bytes | memoryview | None) -> list[bytes]:
    """Parts of the sealed value: a page may hold any of it."""
    raw = bytes(sealed or b"")
    return [raw[start : start + 32] for start in range(0, len(raw) - 32, 64)]


def test_nothing_of_a_destroyed_credential_stays(credential: Credential) -> None:
    parts = pieces(credential.sealed)
    note_use(credential.pk)  # the row is rewritten in another place
    assert all(part in bytes_left() for part in parts)

    assert empty_credential(credential.pk, reason="settled")

    disk = bytes_left()
    assert not [part for part in parts if part in disk]


def test_destroyed_in_a_transaction_it_goes_with_the_commit(credential: Credential) -> None:
    parts = pieces(credential.sealed)

    with transaction.atomic():
        empty_credential(credential.pk, reason="settled")
        assert parts[0] in bytes_left()

    assert parts[0] not in bytes_left()


def test_overdue_ones_leave_nothing_either(credential: Credential) -> None:
    parts = pieces(credential.sealed)
    Credential.objects.update(deadline=credential.received_at)

    assert destroy_overdue(by=PORTAL) == 1

    disk = bytes_left()
    assert not [part for part in parts if part in disk]


def test_whoever_reads_keeps_it_in_sqlites_log_and_the_next_pass_gets_it(credential: Credential) -> None:
    parts = pieces(credential.sealed)
    with somebody_reads():
        assert empty_credential(credential.pk, reason="settled")
        assert (parts[0] in bytes_left()) == ON_SQLITE
        assert sqlite_remnants.clear() != ON_SQLITE

    assert sqlite_remnants.clear()
    assert parts[0] not in bytes_left()


def refuse_checkpoint(execute: Callable[..., object], sql: str, params: object, many: bool, context: object) -> object:
    if "checkpoint" in sql:
        raise OperationalError("database table is locked")
    return execute(sql, params, many, context)


def test_the_usual_timeout_is_kept(credential: Credential, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    def busy_timeout() -> int:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout")
            return int(cursor.fetchone()[0])

    with transaction.atomic(), django_assert_num_queries(0):
        assert sqlite_remnants.clear(), "inside of a transaction it waits for the commit"
    if ON_SQLITE:
        before = busy_timeout()
        with CaptureQueriesContext(connection) as queries:
            assert sqlite_remnants.clear()
        assert [query["sql"] for query in queries] == [
            "PRAGMA busy_timeout",
            "PRAGMA busy_timeout = 250",
            "PRAGMA wal_checkpoint(TRUNCATE)",
            f"PRAGMA busy_timeout = {before}",
        ]
        assert busy_timeout() == before >= 5000
        with connection.execute_wrapper(refuse_checkpoint):
            assert not sqlite_remnants.clear()
        assert busy_timeout() == before
    else:
        with django_assert_num_queries(0):
            assert sqlite_remnants.clear()
