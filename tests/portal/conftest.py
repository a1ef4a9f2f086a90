"""What pages are opened with."""

from __future__ import annotations

import pytest
from django.test import Client


@pytest.fixture
def browser(member: Client) -> Client:
    """A member's."""
    return member
