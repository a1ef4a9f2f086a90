"""Whether nodes could reach the portal, so that an outage of the portal is not taken for silent nodes.

Each web process records a heartbeat. After a gap in the heartbeats, silence counts from the end of the gap. An outage
between the web processes and the nodes (a proxy, a network) shows only in all nodes going silent together: silence then
counts from the next poll of any node, or after ten minutes.
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

HEARTBEAT_SECONDS = 15
MIN_GAP = timedelta(seconds=45)
"""Time without a heartbeat that counts as an outage of the portal."""
SIMULTANEOUS_WITHIN = timedelta(seconds=45)
"""Nodes whose last polls are this close fell silent together."""
MAX_SHARED_OUTAGE = timedelta(minutes=10)
"""After this time, nodes that fell silent together count as silent."""
MIN_NODES = 3
"""With fewer nodes, all of them being silent can be chance."""

log = structlog.get_logger(__name__)


def record_heartbeat() -> None:
    """Record that a web process is running."""
    Reception.objects.get_or_create(pk=1)
    gap = Q(beat_at__isnull=True) | Q(beat_at__lt=Now() - MIN_GAP)
    Reception.objects.filter(pk=1).update(
        open_since=Case(When(gap, then=Now()), default=F("open_since")), beat_at=Now()
    )


def start_heartbeat_thread() -> threading.Thread:
    """Record heartbeats in a daemon thread for as long as this process runs; return the thread."""

    def run() -> None:
        while True:
            try:
                record_heartbeat()
            except DatabaseError as error:
                log.warning("portal_heartbeat_failed", error=type(error).__name__)
            finally:
                close_old_connections()
            time.sleep(HEARTBEAT_SECONDS)

    thread = threading.Thread(target=run, name="portal-heartbeat", daemon=True)
    thread.start()
    return thread


def counts_silence(silent_after: timedelta) -> bool:
    """Whether nodes could have polled during the last `silent_after`. Called by the sweeper only: it records whether
    all nodes are silent. A portal without any heartbeat so far counts as reachable."""
    with transaction.atomic():
        Reception.objects.get_or_create(pk=1)
        row = Reception.objects.select_for_update().filter(pk=1)
        if _are_all_silent():
            row.update(all_silent=True)
            return False
        row.filter(all_silent=True).update(all_silent=False, open_since=Now())
        away = Q(beat_at__lt=Now() - MIN_GAP)
        just_back = Q(open_since__gt=Now() - silent_after)
        return not row.filter(away | just_back).exists()


def _are_all_silent() -> bool:
    """Whether all nodes that have instances fell silent together, at most ten minutes ago."""
    busy = Node.objects.filter(Exists(Instance.objects.filter(node=OuterRef("pk"))), last_seen_at__isnull=False)
    seen = busy.aggregate(count=Count("pk"), latest=Max("last_seen_at"))
    if seen["count"] < MIN_NODES:
        return False
    recent = Node.objects.filter(last_seen_at__gt=Now() - SIMULTANEOUS_WITHIN)
    if recent.exists() or not Node.objects.filter(last_seen_at__gt=Now() - MAX_SHARED_OUTAGE).exists():
        return False
    before_the_others = Value(seen["latest"]) - Value(SIMULTANEOUS_WITHIN)
    return not busy.filter(last_seen_at__lt=before_the_others).exists()
