"""The command that verifies the activity: what it prints, and which files of heads it takes."""

from __future__ import annotations

import io
import json
from pathlib import Path
from threading import Thread

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from portal.audit import verification
from portal.audit.verification import Head, heads
from portal.models import Activity, Organization, User
from tests.support.activity import write_activity
from tests.support.tampering import execute, findings

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    "line",
    [
        '{"chain": 1, "number": 1, "hash": "x"}',
        '{"chain": "1", "number": "x", "hash": "y"}',
        '{"chain": "1", "number": true, "hash": "y"}',
        '{"chain": "1", "number": -1, "hash": "y"}',
        '{"chain": "1", "number": 100000000000000000000000, "hash": "y"}',
        '{"chain": "99999999999999999999", "number": 1, "hash": "y"}',
        '{"chain": "01", "number": 1, "hash": "y"}',
        '{"chain": "²", "number": 1, "hash": "y"}',
        '{"chain": "1\\u0000", "number": 1, "hash": "y"}',
        '{"chain": null, "number": null, "hash": null}',
        '{"chain": "1", "number": 1}',
        "[1, 2]",
        '"x"',
        "{",
    ],
)
def test_a_file_that_holds_no_heads_is_refused(line: str, tmp_path: Path) -> None:
    file = tmp_path / "heads"
    file.write_text(f"{line}\n")

    with pytest.raises(CommandError, match="does not hold heads"):
        call_command("verify_activity", heads=file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="heads can't be read: No such file"):
        call_command("verify_activity", heads=tmp_path / "heads")


def test_the_command_says_how_much_it_verified(four_rows: list[Activity]) -> None:
    err = io.StringIO()
    call_command("verify_activity", stdout=io.StringIO(), stderr=err)

    total = Activity.objects.count()
    assert err.getvalue().startswith(f"Verified {total} rows in ")


def test_a_finding_names_the_organization(four_rows: list[Activity], acme: Organization) -> None:
    execute("UPDATE portal_activity SET action = 'x' WHERE number = 2")
    err = io.StringIO()
    with pytest.raises(CommandError, match="1 finding"):
        call_command("verify_activity", stdout=io.StringIO(), stderr=err)

    assert f"chain {acme.pk} (acme), row 2: the row was changed" in err.getvalue()


def test_a_file_of_other_bytes_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "heads"
    file.write_bytes(b"\xff\xfe")

    with pytest.raises(CommandError, match="does not hold heads"):
        call_command("verify_activity", heads=file)


def test_the_command_prints_the_heads_it_verified(
    four_rows: list[Activity], acme: Organization, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An action in the middle of the run is in neither."""
    before = heads()
    really = verification.heads

    def later() -> list[Head]:
        _append_elsewhere(acme, alice)
        return really()

    monkeypatch.setattr(verification, "heads", later)
    out = io.StringIO()
    call_command("verify_activity", stdout=out)

    assert [Head(**json.loads(line)) for line in out.getvalue().splitlines()] == before
    assert heads() != before
    assert findings() == []


def _append_elsewhere(acme: Organization, alice: User) -> None:
    """Record an action on a connection of its own, as another process does."""

    def write() -> None:
        write_activity(acme.pk, alice, "group.created", "web")
        connection.close()

    thread = Thread(target=write)
    thread.start()
    thread.join()
