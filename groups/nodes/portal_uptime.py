"""Whether nodes could reach the portal at all, so that an outage of ours isn't taken for the silence of all of them.

Each web process says now and then that it is here. After a gap in that, silence counts from its end. What lies
between the web and its nodes (a proxy, a network) can't be seen from here, but from all nodes going silent together:
then silence counts from when the first of them is heard again, or ten minutes later.
"""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import structlog
from django.db import DatabaseError, close_old_connections, transaction
from django.db.models import Case, Count, Exists, F, Max, OuterRef, Q, Value, When
from django.db.models.functions import Now

from groups.models import Instance, Node, Reception

BEAT_SECONDS = 15
GAP = timedelta(seconds=45)
TOGETHER = timedelta(seconds=45)
PATIENCE = timedelta(minutes=10)
MIN_NODES = 3
"""Of so many nodes it is no accident that all are silent."""

log = structlog.get_logger(__name__)


def record_heartbeat() -> None:
    """Say that a web process is here."""
    Reception.objects.get_or_create(pk=1)
    gap = Q(beat_at__isnull=True) | Q(beat_at__lt=Now() - GAP)
    Reception.objects.filter(pk=1).update(
        open_since=Case(When(gap, then=Now()), default=F("open_since")), beat_at=Now()
    )


def start_heartbeat_thread() -> threading.Thread:
    """Have a thread of this process say so, until the process ends."""

    def run() -> None:
        while True:
            try:
                record_heartbeat()
            except DatabaseError as error:
                log.warning("beat_failed", error=type(error).__name__)
            finally:
                close_old_connections()
            time.sleep(BEAT_SECONDS)

    thread = threading.Thread(target=run, name="portal-heartbeat", daemon=True)
    thread.start()
    return thread


def counts_silence(silent_after: timedelta) -> bool:
    """Whether nodes that were silent for so long had the chance to be heard. For the sweeper: it notes what it sees.
    A portal whose web process never said anything counts as open."""
    with transaction.atomic():
        Reception.objects.get_or_create(pk=1)
        row = Reception.objects.select_for_update().filter(pk=1)
        if _are_all_silent():
            row.update(all_silent=True)
            return False
        row.filter(all_silent=True).update(all_silent=False, open_since=Now())
        away = Q(beat_at__lt=Now() - GAP)
        just_back = Q(open_since__gt=Now() - silent_after)
        return not row.filter(away | just_back).exists()


def _are_all_silent() -> bool:
    """Whether all nodes that hold something fell silent together, not too long ago."""
    holds = Node.objects.filter(Exists(Instance.objects.filter(node=OuterRef("pk"))), last_seen_at__isnull=False)
    seen = holds.aggregate(count=Count("pk"), latest=Max("last_seen_at"))
    if seen["count"] < MIN_NODES:
        return False
    recent = Node.objects.filter(last_seen_at__gt=Now() - TOGETHER)
    if recent.exists() or not Node.objects.filter(last_seen_at__gt=Now() - PATIENCE).exists():
        return False
    earlier = Value(seen["latest"]) - Value(TOGETHER)
    return not holds.filter(last_seen_at__lt=earlier).exists()
