"""Cases of what operators decide about an organization's quota."""

from __future__ import annotations

from functools import partial

from django.utils import timezone

from groups.actions import suspension
from tests.support.action_cases import Call, Case, Cast
from tests.support.actors import acting
from tests.support.pulls import make_group
from tests.support.quotas import set_quota


def _suspend(cast: Cast) -> Call:
    make_group(cast.project, "registry.example.com/team/app:1")
    return partial(suspension.suspend, cast.acme.pk, reason="Unpaid since May.", by=acting(cast.olga))


def _resume(cast: Cast) -> Call:
    set_quota(cast.acme, suspended_at=timezone.now(), suspended_because="Unpaid since May.")
    return partial(suspension.resume, cast.acme.pk, by=acting(cast.olga))


def _change_limits(cast: Cast) -> Call:
    set_quota(cast.acme, max_groups=3)
    return partial(suspension.change_limits, cast.acme.pk, {"max_groups": 5, "max_pulls": None}, by=acting(cast.olga))


CASES = [
    Case("groups.actions.suspension.suspend", _suspend),
    Case("groups.actions.suspension.resume", _resume),
    Case("groups.actions.suspension.change_limits", _change_limits),
]
