"""The HTTP server at work, with an application of a few lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.runtime import http_server
from portal.runtime.deadlines import Deadlines
from tests.support.small_portal import QUICK, Portal


@pytest.fixture(autouse=True)
def _checks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "CHECK_SECONDS", 0.02)


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    made = Portal(tmp_path, QUICK)
    yield made
    made.close()


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Portal]:
    """With the deadlines of the product."""
    made = Portal(tmp_path, Deadlines(), threads=1)
    yield made
    made.close()
