"""What pages are opened with, and an activity that is read, verified and tampered with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from portal.audit import refused_sign_ins
from portal.models import Activity, Organization, User
from tests.support.activity import empty_activity, write_activity
from tests.support.sign_ins import actions_of
from tests.support.tampering import execute


@pytest.fixture
def browser(member: Client) -> Client:
    """A member's."""
    return member


@pytest.fixture
def four_rows(acme: Organization, alice: User) -> Iterator[list[Activity]]:
    """Four rows of Acme's, oldest first."""
    empty_activity()
    yield [write_activity(acme.pk, alice, "group.created", f"web-{number}") for number in range(4)]
    execute(*(f"DELETE FROM {table}" for table in ("portal_activity", "portal_activitytext", "portal_activityhead")))


@pytest.fixture
def no_limits_left_over(db: None, settings: Any) -> None:
    """As if nobody had tried to sign in before."""
    cache.clear()
    settings.MFA_TOTP_TOLERANCE = 2  # a code stays good over the end of its half minute


@pytest.fixture
def account(acme: Any, alice: Any) -> Callable[[], list[str]]:
    """Return a way to what is recorded of alice's account after a pass of the sweeper, which is the same in Acme and in
    the portal's chain."""

    def recorded() -> list[str]:
        refused_sign_ins.sweep()
        in_acme = actions_of(acme)
        assert in_acme == actions_of(None)
        return in_acme

    return recorded
