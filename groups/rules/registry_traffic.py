"""Which pulls failed and which succeeded at each registry within the last minutes. Only counts: no names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Count, Exists, Max, OuterRef

from groups.models import FailedAttempt, Image, Outage
from registries.foundation.ids import OrganizationId
from registries.providers import PROVIDERS
from registries.providers.recognise import service_key

RECENT = timedelta(minutes=10)
BEFORE = timedelta(hours=24)
"""How far back attempts count as usual."""
QUIET = timedelta(minutes=3)
"""Without a failure for this long, and with a pull that succeeded since the last one, an outage is over."""


class Attempt(NamedTuple):
    """A failed attempt."""

    at: datetime
    organization: OrganizationId
    code: str


@dataclass
class Traffic:
    """What happened at one registry within the last ten minutes. `usual` is how many attempts fail in that time on
    other days, `succeeded` the organizations with a pull that succeeded, and the time of the last one."""

    kind: str = ""
    failures: list[Attempt] = field(default_factory=list)
    usual: float = 0.0
    succeeded: dict[OrganizationId, datetime] = field(default_factory=dict)

    @property
    def succeeded_at(self) -> datetime | None:
        return max(self.succeeded.values(), default=None)

    @property
    def run(self) -> list[Attempt]:
        """The failures since the last pull that succeeded, oldest first."""
        since = self.succeeded_at
        return [attempt for attempt in self.failures if since is None or attempt.at > since]

    def is_over(self, now: datetime) -> bool:
        """Whether a pull succeeded after the last failure, and that was a while ago."""
        return not self.run and bool(self.failures) and self.failures[-1].at < now - QUIET


def recent_traffic(now: datetime) -> dict[str, Traffic]:
    """Return what happened at each registry, by `service_key`, in four queries at most."""
    traffic: dict[str, Traffic] = {}
    counted = FailedAttempt.objects.filter(passes=True).exclude(registry="")
    recent = counted.filter(created_at__gt=now - RECENT, created_at__lte=now).order_by("created_at", "pk")
    for registry, kind, organization, code, at in recent.values_list(
        "registry", "kind", "organization_id", "code", "created_at"
    ):
        here = traffic.setdefault(registry, Traffic())
        here.kind = registry if registry in PROVIDERS else kind
        here.failures.append(Attempt(at, organization, code))
    if traffic:
        for registry, count in _before(now):
            traffic.setdefault(registry, Traffic()).usual = count * RECENT / (BEFORE - RECENT)
    if traffic or Outage.objects.current().exists():
        ready = Image.objects.filter(status=Image.Status.READY, settled_at__gt=now - RECENT, settled_at__lte=now)
        last = ready.order_by().values_list("registry", "organization_id").annotate(last=Max("settled_at"))
        for host, organization, at in last:
            succeeded = traffic.setdefault(service_key(host), Traffic()).succeeded
            succeeded[organization] = max(at, succeeded.get(organization, at))
    return traffic


def _before(now: datetime) -> Sequence[tuple[str, int]]:
    """Return how many attempts failed at each registry in the day before, but for times of outages."""
    outages = Outage.objects.filter(registry__in=[OuterRef("registry"), Outage.EVERYWHERE])
    during = outages.filter(began_at__lte=OuterRef("created_at"), last_failed_at__gte=OuterRef("created_at"))
    rows = FailedAttempt.objects.filter(
        ~Exists(during),
        passes=True,
        created_at__gt=now - BEFORE,
        created_at__lte=now - RECENT,
    ).exclude(registry="")
    return list(rows.order_by().values_list("registry").annotate(count=Count("pk")))
