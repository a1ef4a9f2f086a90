"""Both clocks in a test's hand: the application's, and the database's, which `Now()` asks.

With them a limit is tried at its very second, however slow the machine is. SQLite only: there `Now()` is a function of
SQL that a connection can replace. Other connections, such as those of other threads, have the real time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection

# Not a whole second: SQLite compares times as text, and a whole one has no fraction.
START = datetime(2030, 1, 1, 12, 0, 0, 500_000, tzinfo=UTC)


class Clock:
    """The database's time, and the application's unless they are made to differ. It passes only by `shift`."""

    def __init__(self, application: time_machine.Traveller) -> None:
        self.now = START
        self._application = application

    def shift(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)
        self._application.move_to(self.now, tick=False)

    def shift_database(self, seconds: float) -> None:
        """Let the database's clock differ from the application's by that much more."""
        self.now += timedelta(seconds=seconds)

    def ago(self, seconds: float) -> datetime:
        """The moment that many seconds before now."""
        return self.now - timedelta(seconds=seconds)


@pytest.fixture
def clock(db: None) -> Iterator[Clock]:
    """Both clocks, stopped."""
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite's clock can be stopped")
    connection.ensure_connection()
    with time_machine.travel(START, tick=False) as application:
        made = Clock(application)
        _replace(lambda form, when: f"{made.now:%Y-%m-%d %H:%M:%S.%f}")
        yield made
    # SQLite doesn't find its own function again once it was replaced: ask another connection.
    real = sqlite3.connect(":memory:", check_same_thread=False)
    _replace(lambda form, when: str(real.execute("SELECT strftime(?, ?)", (form, when)).fetchone()[0]))


def _replace(strftime: Callable[[str, str], str]) -> None:
    """Let the test's connection get the time from this."""
    for _ in range(2):  # only a function that replaces another of ours has the statements compiled again
        connection.connection.create_function("strftime", 2, strftime)
