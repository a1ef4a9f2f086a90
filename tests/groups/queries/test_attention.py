"""What counts as an alert, just before and just after it does."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from groups.models import FailedAttempt, Image, Node, Redemption, SweepPass
from groups.queries.attention import Attention, count_alerts
from registries.models import Credential
from tests.support.pulls import make_credential, make_group

pytestmark = pytest.mark.usefixtures("no_redis")


def ago(**time: float) -> datetime:
    return timezone.now() - timedelta(**time)


def pull(project: Any, name: str, **columns: Any) -> None:
    image = make_group(project, "registry.example.com/team/app:1", name=name).image
    Image.objects.filter(pk=image.pk).update(**columns)


def refuse(reason: str, *, outcome: str = "refused", **age: float) -> None:
    row = Redemption.objects.create(outcome=outcome, reason=reason)
    Redemption.objects.filter(pk=row.pk).update(created_at=ago(**age))


def fail(organization: Any, code: str, **age: float) -> None:
    row = FailedAttempt.objects.create(organization=organization, kind="x", code=code, step="store", final=False)
    FailedAttempt.objects.filter(pk=row.pk).update(created_at=ago(**age))


def test_nothing_needs_anybody(acme: Any, project: Any) -> None:
    """Everything is there, and just young enough."""
    Credential.objects.filter(pk=make_credential(acme, "registry.example.com").pk).update(deadline=ago(seconds=50))
    pull(project, "waits", created_at=ago(seconds=290))
    pull(project, "pulls", status="pulling", lease=uuid.uuid4(), lease_expires_at=ago(seconds=50))
    Node.objects.create(name="present", public_key="k", last_seen_at=ago(seconds=80))
    for reason in ("expired", "revoked", "layer_again", "not_listed"):
        refuse(reason, seconds=1)
    refuse("", outcome="redeemed", seconds=1)
    for reason in ("replayed", "other_node", "other_address", "unknown"):
        refuse(reason, seconds=3601)
    fail(acme, "store_failed", seconds=3601)
    fail(acme, "registry_unreachable", seconds=1)
    SweepPass.objects.create(ended_at=ago(seconds=110), seconds=1)

    counted = count_alerts()

    seconds = counted.sweeper_seconds
    assert counted == Attention(0, 0, 0, 0, 0, 0, seconds)
    assert seconds is not None
    assert 110 <= seconds < 120
    assert not counted.sweeper_is_missing


def test_each_alert_counts(acme: Any, project: Any) -> None:
    Credential.objects.filter(pk=make_credential(acme, "registry.example.com").pk).update(deadline=ago(seconds=61))
    pull(project, "waits", created_at=ago(seconds=301))
    pull(project, "pulls", status="pulling", lease=uuid.uuid4(), lease_expires_at=ago(seconds=61))
    for number in range(3):
        Node.objects.create(name=f"silent-{number}", public_key="k", last_seen_at=ago(seconds=91))
    for number in range(4):
        Node.objects.create(name=f"refused-{number}", public_key="k", key_refused="it is not a key")
    Node.objects.create(name="removed", public_key="k", key_refused="it is not a key", status="removed")
    for reason in ("replayed", "other_node", "other_address", "unknown"):
        refuse(reason, seconds=3590)
        refuse(reason, seconds=1)
    for _ in range(5):
        fail(acme, "store_failed", seconds=3590)
    SweepPass.objects.create(ended_at=ago(seconds=121), seconds=1)

    counted = count_alerts()

    assert counted == Attention(1, 2, 3, 4, 8, 5, counted.sweeper_seconds)
    assert counted.sweeper_is_missing


def test_a_sweeper_that_never_ran_is_missing_and_one_ahead_of_time_is_not(db: None) -> None:
    assert count_alerts().sweeper_seconds is None
    assert count_alerts().sweeper_is_missing

    SweepPass.objects.create(ended_at=ago(seconds=-60), seconds=1)

    assert count_alerts().sweeper_seconds == 0
    assert not count_alerts().sweeper_is_missing
