"""What an operator should look at, as queries and counts. Links and words are the portal's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from groups.delivery.ledger import Reason
from groups.models import FailedAttempt, Image, Node, Redemption
from groups.models.sweep import SweepPass
from registries.models import Credential

ABANDONED_AFTER = timedelta(seconds=60)
STUCK_AFTER = timedelta(minutes=5)
SWEEPER_MISSING = timedelta(minutes=2)
HOUR = timedelta(hours=1)
SUSPICIOUS = (Reason.REPLAYED, Reason.OTHER_NODE, Reason.UNKNOWN)


@dataclass(frozen=True)
class Attention:
    """How much of each kind there is. `sweeper_seconds` is since the sweeper's last pass, None where there was none."""

    credentials_overdue: int
    pulls_stuck: int
    nodes_silent: int
    tokens_refused: int
    store_failures: int
    sweeper_seconds: float | None

    @property
    def sweeper_is_missing(self) -> bool:
        return self.sweeper_seconds is None or self.sweeper_seconds > SWEEPER_MISSING.total_seconds()


def count_alerts() -> Attention:
    """Count, in six queries."""
    last = SweepPass.objects.order_by("-ended_at").first()
    return Attention(
        credentials_overdue=Credential.objects.overdue().count(),
        pulls_stuck=stuck_pulls().count(),
        nodes_silent=Node.objects.silent().count(),
        tokens_refused=refused_tokens().count(),
        store_failures=FailedAttempt.objects.filter(code="store_failed", created_at__gt=Now() - HOUR).count(),
        sweeper_seconds=max(0.0, (timezone.now() - last.ended_at).total_seconds()) if last else None,
    )


def stuck_pulls() -> QuerySet[Image]:
    """Pulls whose lease ran out and that nobody settled, and such as may begin for minutes without a worker."""
    waiting = Image.objects.startable(since=STUCK_AFTER)
    abandoned = Image.objects.abandoned(ABANDONED_AFTER)
    return Image.objects.filter(Q(pk__in=abandoned.values("pk")) | Q(pk__in=waiting.order_by().values("pk")))


def refused_tokens() -> QuerySet[Redemption]:
    """Tokens that were presented within an hour by somebody who should not have them."""
    return Redemption.objects.filter(
        outcome=Redemption.Outcome.REFUSED, reason__in=[each.value for each in SUSPICIOUS], created_at__gt=Now() - HOUR
    )


def pulls_by_state() -> dict[str, int]:
    """How many images wait for a worker, and are being pulled."""
    rows = Image.objects.unsettled().order_by()
    return dict(rows.values_list("status").annotate(count=Count("pk")))
