"""Somebody whose address is not proven."""

from __future__ import annotations

from typing import Any

import pytest

from portal.models import User
from tests.conftest import PASSWORD


@pytest.fixture
def nina(acme: Any) -> User:
    """Member of Acme. Somebody made this account with her address, which nobody has proven."""
    person = User.objects.create_user("nina@acme.example", PASSWORD)
    acme.memberships.create(user=person, role="member")
    return person
