"""Organizations take turns with the workers: which running pull makes room when another organization waits.

Which pull a free worker begins is the order of `Image.objects.by_turn`. It is not enough: pulls may keep all workers
busy for as long as a registry likes. A pull that can't begin within `PATIENCE` shows that no worker is free, so how
many workers there are need not be known. Then

- an organization that has at least two pulls more in progress than the waiting one gives up its newest, at once the
  first time; one that has made room before works for twice as long each time, up to a time slice, so that somebody
  whose pulls end at once can't interrupt it every few seconds;
- where every organization has at most one more, a slow pull that has had its time slice makes room for an organization
  that has none. Its slice doubles each time, so that every pull gets the time to end.

A pull that makes room goes back into the queue with the layers that are committed. That isn't a failed attempt.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from django.db.models import F
from django.db.models.functions import Now

from groups.models import Image
from registries.foundation.clock import database_now
from registries.foundation.ids import OrganizationId

PATIENCE = timedelta(seconds=2)
"""How long a pull has to have been waiting. A free worker begins one within a second."""
SLICE_SECONDS = 60.0
HEALTHY_RATE = 1_000_000
"""Bytes per second over the whole attempt. A faster pull keeps its worker: it will soon be done."""
HANDOVER = timedelta(seconds=3)
"""How long the worker that was made free may take to begin the waiting pull."""


def has_to_yield(image: Image, *, is_slow: bool) -> bool:
    """Whether this pull, which a worker has claimed, is the one that has to make room now. `is_slow` says that it has
    been slower than `HEALTHY_RATE`. One query where nobody else waits."""
    if not Image.objects.due().exclude(organization=image.organization_id).exists():
        return False
    waiting = _waiting()
    held = list(
        Image.objects.held()
        .order_by(F("claimed_at").desc(nulls_last=True), "pk")
        .values_list("pk", "organization_id", "claimed_at", "handed_over")
    )
    pulls = Counter(organization_id for _, organization_id, _, _ in held)
    mine = next((row for row in held if row[0] == image.pk), None)
    if mine is None:
        return False
    now = database_now()
    most = max(pulls.values())
    needed = sum(pulls[organization_id] + 2 <= most for organization_id in waiting)
    if needed:
        largest = [row for row in held if pulls[row[1]] == most and _had_its_time(now, claimed_at=row[2], times=row[3])]
        return bool(largest) and largest[0][0] == image.pk and _still_needed(needed)
    without = {organization_id for organization_id in waiting if not pulls[organization_id]} - {image.organization_id}
    began = mine[2]
    if not without or not is_slow or began is None:
        return False
    seconds = SLICE_SECONDS * 2.0 ** min(image.handed_over, 10)
    return (now - began).total_seconds() >= seconds and _still_needed(len(without))


def _waiting() -> set[OrganizationId]:
    """The organizations with a pull that could have begun `PATIENCE` ago."""
    rows = Image.objects.startable(PATIENCE).order_by()
    return set(rows.values_list("organization_id", flat=True).distinct())


def _had_its_time(now: datetime, *, claimed_at: datetime | None, times: int) -> bool:
    """Whether a pull that has made room `times` times has worked long enough since to do it again."""
    if claimed_at is None or not times:
        return True
    return (now - claimed_at).total_seconds() >= min(2.0 ** min(times, 6), SLICE_SECONDS)


def _still_needed(organizations: int) -> bool:
    """Whether fewer pulls have just made room than organizations wait."""
    just_now = Image.objects.filter(status=Image.Status.QUEUED, yielded_at__gte=Now() - HANDOVER)
    return just_now.count() < organizations
