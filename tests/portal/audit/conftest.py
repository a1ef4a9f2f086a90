"""A clock for exports and their downloads, whose slots are free again after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from portal.audit import download, export, export_slots
from tests.support.exports import Clock


@pytest.fixture
def free_slots() -> Iterator[None]:
    export_slots._taken.clear()
    yield
    assert export_slots._taken == []


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (export, export_slots, download):
        monkeypatch.setattr(module, "time", clock)
    return clock
