"""What pages are opened with, and a Redis that is there."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from django.test import Client

from portal import services


@pytest.fixture
def browser(member: Client) -> Client:
    """A member's."""
    return member


@pytest.fixture
def embedded_redis() -> Iterator[None]:
    """The embedded Redis, as `up` starts it."""
    child = services.embedded_redis()
    assert child is not None
    process = subprocess.Popen(child.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        services.wait_for_redis()
        yield
    finally:
        process.terminate()
        process.wait()
