"""Of a destroyed credential's sealed bytes nothing stays in SQLite's file or its log."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from django.db import connection, transaction

from registries import remains
from registries.actions import destroy, destroy_overdue, note_use
from registries.models import Credential
from tests.groups.pulls import make_credential
from tests.written import bytes_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _on_sqlite(acme: Any) -> None:
    if connection.vendor != "sqlite":
        assert remains.clear(), "elsewhere there is nothing to do"
        pytest.skip("about SQLite's files")


@pytest.fixture
def credential(acme: Any) -> Credential:
    return make_credential(acme, "registry.example.com")


def bytes_on_disk() -> bytes:
    """Database and log."""
    path = str(connection.settings_dict["NAME"])
    return bytes_of(path, f"{path}-wal")


def pieces(sealed: Any) -> list[bytes]:
    """Parts of the sealed value: a page may hold any of it."""
    raw = bytes(sealed)
    return [raw[start : start + 32] for start in range(0, len(raw) - 32, 64)]


def test_nothing_of_a_destroyed_credential_stays(credential: Credential) -> None:
    parts = pieces(credential.sealed)
    note_use(credential.pk)  # the row is written anew, and moves
    assert all(part in bytes_on_disk() for part in parts)

    assert destroy(credential.pk, because="settled")

    disk = bytes_on_disk()
    assert not [part for part in parts if part in disk]


def test_destroyed_in_a_transaction_it_goes_with_the_commit(credential: Credential) -> None:
    parts = pieces(credential.sealed)

    with transaction.atomic():
        destroy(credential.pk, because="settled")
        assert parts[0] in bytes_on_disk()

    assert parts[0] not in bytes_on_disk()


def test_overdue_ones_leave_nothing_either(credential: Credential) -> None:
    parts = pieces(credential.sealed)
    Credential.objects.update(deadline=credential.received_at)

    assert destroy_overdue() == 1

    disk = bytes_on_disk()
    assert not [part for part in parts if part in disk]


def test_whoever_reads_keeps_it_and_the_next_pass_gets_it(credential: Credential) -> None:
    parts = pieces(credential.sealed)
    reader = sqlite3.connect(f"file:{connection.settings_dict['NAME']}?mode=ro", uri=True, isolation_level=None)
    try:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM registries_credential").fetchall()
        assert destroy(credential.pk, because="settled")
        assert parts[0] in bytes_on_disk()
        assert not remains.clear()
        reader.execute("COMMIT")

        assert remains.clear()
        assert parts[0] not in bytes_on_disk()
    finally:
        reader.close()


def test_the_usual_patience_is_kept(credential: Credential) -> None:
    def patience() -> int:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout")
            return int(cursor.fetchone()[0])

    before = patience()
    assert remains.clear()
    assert patience() == before > remains.PATIENCE_MILLISECONDS
