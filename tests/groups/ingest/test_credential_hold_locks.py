"""While a credential is locked, rows that refer to it can be added. On PostgreSQL only: SQLite has one writer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection, transaction

from groups.ingest.credential_hold import lock_credentials, settle_credential
from portal.models import Organization, User
from registries.actions import rename
from registries.credential_rows import note_used_host
from registries.models import Credential
from tests.support.actors import acting
from tests.support.concurrency import at_once
from tests.support.pulls import make_credential

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no row locks"),
]


def lock_as_a_foreign_key_does(credential: Credential) -> str:
    """Lock the row as the check of a foreign key does. Raises OperationalError where that would wait."""
    with transaction.atomic(), connection.cursor() as cursor:
        table = Credential._meta.db_table
        cursor.execute(f"SELECT 1 FROM {table} WHERE id = %s FOR KEY SHARE NOWAIT", [credential.pk])
    return "locked"


@pytest.mark.parametrize("action", ["rename", "use", "lock", "settle"])
def test_rows_can_refer_to_a_locked_credential(acme: Organization, alice: User, action: str) -> None:
    credential, other = (make_credential(acme, f"{name}.example.com") for name in ("one", "two"))
    actions: dict[str, Callable[[], object]] = {
        "rename": lambda: rename(credential, name="other", by=acting(alice)),
        "use": lambda: note_used_host(credential.pk, "one.example.com"),
        "lock": lambda: lock_credentials([credential.pk, other.pk]),
        "settle": lambda: settle_credential(credential.pk),
    }

    with transaction.atomic():
        actions[action]()
        assert at_once(lambda: lock_as_a_foreign_key_does(credential)) == ["locked"]
