"""The application's clock is an hour behind or ahead, and nobody listens for wake-ups."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine


@pytest.fixture(autouse=True, params=[-1, 1], ids=["an hour behind", "an hour ahead"])
def _application_clock(request: pytest.FixtureRequest) -> Iterator[None]:
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=request.param)):
        yield


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of rows that a worker was woken for. Redis is not asked."""
    ids: list[str] = []
    monkeypatch.setattr("groups.rules.wakeups.enqueue_job", lambda queue, function, row_id: ids.append(row_id))
    monkeypatch.setattr("groups.rules.wakeups.waiting", lambda queue: 0)
    monkeypatch.setattr("portal.notifications.sending.waiting", lambda queue: 0)
    return ids
