"""What needs an operator's attention, as queries and counts. The portal adds links and words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from groups.delivery.ledger import Reason
from groups.models import FailedAttempt, Image, Node, Redemption
from groups.models.sweep import SweepPass
from registries.foundation.clock import database_now
from registries.models import Credential

ABANDONED_AFTER = timedelta(seconds=60)
STUCK_AFTER = timedelta(minutes=5)
SWEEPER_MISSING_AFTER = timedelta(minutes=2)
HOUR = timedelta(hours=1)
SUSPICIOUS = (Reason.REPLAYED, Reason.OTHER_NODE, Reason.OTHER_ADDRESS, Reason.UNKNOWN)


@dataclass(frozen=True)
class Attention:
    """Counts by kind. `sweeper_seconds` is the time since the sweeper's last pass, None if there was none."""

    credentials_overdue: int
    pulls_stuck: int
    nodes_silent: int
    node_keys_refused: int
    tokens_refused: int
    store_failures: int
    sweeper_seconds: float | None

    @property
    def sweeper_is_missing(self) -> bool:
        return self.sweeper_seconds is None or self.sweeper_seconds > SWEEPER_MISSING_AFTER.total_seconds()


def count_alerts() -> Attention:
    """Return the counts, in seven queries."""
    last = SweepPass.objects.order_by("-ended_at").first()
    return Attention(
        credentials_overdue=Credential.objects.overdue().count(),
        pulls_stuck=stuck_pulls().count(),
        nodes_silent=Node.objects.silent().count(),
        node_keys_refused=Node.objects.with_refused_key().count(),
        tokens_refused=refused_tokens().count(),
        store_failures=FailedAttempt.objects.filter(code="store_failed", created_at__gt=Now() - HOUR).count(),
        sweeper_seconds=max(0.0, (database_now() - last.ended_at).total_seconds()) if last else None,
    )


def stuck_pulls() -> QuerySet[Image]:
    """Return pulls whose lease expired without a result, and those that have been waiting for a worker for minutes."""
    waiting = Image.objects.startable(since=STUCK_AFTER)
    abandoned = Image.objects.abandoned(ABANDONED_AFTER)
    return Image.objects.filter(Q(pk__in=abandoned.values("pk")) | Q(pk__in=waiting.order_by().values("pk")))


def refused_tokens() -> QuerySet[Redemption]:
    """Return presentations within the last hour of tokens by callers who should not have them."""
    return Redemption.objects.filter(
        outcome=Redemption.Outcome.REFUSED,
        reason__in=[reason.value for reason in SUSPICIOUS],
        created_at__gt=Now() - HOUR,
    )
