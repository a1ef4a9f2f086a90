"""What tests of groups share: no Redis, or one for all of them, and a browser that only looks."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from redis import Redis

from groups.queues.redis_queues import connect
from portal.runtime import services


@pytest.fixture
def no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wake-ups go nowhere."""
    monkeypatch.setattr("groups.rules.wakeups.enqueue_job", lambda *job: None)


@pytest.fixture(scope="module")
def _valkey() -> Iterator[Redis]:
    """One for all tests of a file: starting one for each would take longer than they do."""
    child = services.embedded_redis()
    assert child is not None
    process = subprocess.Popen(child.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        services.wait_for_redis()
        yield connect()
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def queues(_valkey: Redis) -> Redis:
    """The Redis of the queues, empty."""
    _valkey.flushall()
    return _valkey


@pytest.fixture
def viewer(carol: Any, as_user: Any) -> Client:
    """Carol's browser."""
    client: Client = as_user(carol)
    return client


@pytest.fixture
def _signals() -> Iterator[None]:
    """Put back what the process does about signals."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
