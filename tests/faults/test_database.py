"""The database is killed in mid-pull and comes back."""

from __future__ import annotations

from collections.abc import Callable

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
