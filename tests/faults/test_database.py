"""The database is killed in mid-pull and comes back; a statement takes too long."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import OperationalError
from django.db.utils import ConnectionHandler
from pytest_django import DjangoDbBlocker

from portal.config import database, env
from tests.faults.stage import LEASE, Stage
from tests.support.postgresql import Postgres


def test_postgresql_dies_and_comes_back(own_stage: Callable[..., Stage]) -> None:
    with Postgres(durable=True) as postgres:
        stage = own_stage(prepared=False, DATABASE_URL=postgres.url)
        stage.witness.folders = [postgres.folder]
        stage.portal.start_redis()
        stage.portal.start_sweeper()
        stage.portal.start_worker()
        stage.portal.start_worker()
        stage.proxy.bytes_per_second = 500_000
        pulls = [stage.pull() for _ in range(3)]
        stage.until(lambda: stage.status(pulls[0])["received"] or stage.status(pulls[1])["received"])

        postgres.kill()
        stage.proxy.bytes_per_second = None
        stage.until(lambda: not stage.proxy.connections, LEASE + 20)
        postgres.start()

        ends = stage.settle(*pulls)
        assert [end["status"] for end in ends] == ["ready"] * 3
        assert max(end["attempt"] for end in ends) > 1
        stage.check()


def test_a_statement_that_takes_too_long_is_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    """The connection, and with it the thread, can be used again."""
    monkeypatch.setattr(database, "WEB_STATEMENT_SECONDS", 1)
    monkeypatch.setenv("PORTAL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PORTAL_ZONE", "web")
    with Postgres() as postgres, django_db_blocker.unblock():
        monkeypatch.setenv("DATABASE_URL", postgres.url)
        web = ConnectionHandler({"default": env.read().database})["default"]
        with web.cursor() as cursor:
            began = time.monotonic()
            with pytest.raises(OperationalError, match="statement timeout"):
                cursor.execute("SELECT pg_sleep(20)")
            assert 0.9 < time.monotonic() - began < 10
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)
        web.close()
