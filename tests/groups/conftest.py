"""What tests of groups share: no Redis, and a browser that only looks."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client


@pytest.fixture
def no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wake-ups go nowhere."""
    monkeypatch.setattr("groups.rules.wakeups.enqueue_job", lambda *job: None)


@pytest.fixture
def viewer(carol: Any, as_user: Any) -> Client:
    """Carol's browser."""
    client: Client = as_user(carol)
    return client
