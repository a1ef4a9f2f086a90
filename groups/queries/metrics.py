"""Metrics of all container groups together, as Prometheus families, read at each call.

No label names an organization, a group or a host: labels come from fixed lists. Everything is read from the database
except the lengths of the queues, which are left out while Redis does not respond. The portal decides who may read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from django.db.models import Count, Max, Min, Model, QuerySet, Sum
from django.db.models.functions import Now
from prometheus_client.core import GaugeMetricFamily, Metric
from redis.exceptions import RedisError

from groups.models import Blob, ContainerGroup, Failure, Image, Instance, Node, Outage, Redemption
from groups.queues.redis_queues import connect, length, refused_counts
from groups.queues.wakeup import QUEUES
from registries.foundation.clock import database_now
from registries.models import Credential

RECENT = timedelta(hours=1)


class GroupMetrics:
    """A collector for a registry of prometheus_client. Times are in seconds, sizes in bytes."""

    def collect(self) -> Iterator[Metric]:
        """Yield the families, one by one."""
        yield _counted("groups", "Container groups", ContainerGroup.objects.all(), "status", ContainerGroup.Status)
        yield _counted("images", "Images by state of their pull", Image.objects.all(), "status", Image.Status)
        yield _counted("instances", "Instances", Instance.objects.all(), "state", Instance.State)
        yield _counted("nodes", "Nodes", Node.objects.all(), "status", Node.Status)
        yield _one("nodes_present", "Nodes that called within the last 90 seconds", Node.objects.present().count())
        yield _one("pull_wait_seconds", "How long the pull that waits longest has been due", _longest_wait())
        held = Credential.objects.held().count()
        yield _one("credentials_held", "Registry credentials that are not destroyed yet", held)
        overdue = Credential.objects.overdue().count()
        yield _one("credentials_overdue", "Credentials held for over a minute past their deadline", overdue)
        stored = Blob.objects.aggregate(sum=Sum("size"))["sum"]
        yield _one("stored_bytes", "Bytes of encrypted layers in the store", stored or 0)
        yield _recent_failures()
        yield _current_outages()
        yield _recent_refusals()
        yield from _queues()


def _counted(name: str, help_text: str, rows: QuerySet[Model], column: str, values: Iterable[str]) -> Metric:
    family = GaugeMetricFamily(f"drayage_{name}", help_text, labels=[column])
    counts = dict(rows.order_by().values_list(column).annotate(count=Count("pk")))
    for value in values:
        family.add_metric([str(value)], counts.get(str(value), 0))
    return family


def _one(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"drayage_{name}", help_text, value=value)


def _longest_wait() -> float:
    """The longest wait of pulls that may start. Those that wait for another pull of their organization don't count."""
    since = Image.objects.startable().order_by().aggregate(since=Min("startable_at"))["since"]
    return max((database_now() - since).total_seconds(), 0.0) if since else 0.0


def _recent_failures() -> Metric:
    family = GaugeMetricFamily(
        "drayage_failures_last_hour", "Pulls that failed for good within an hour", labels=["registry", "code"]
    )
    rows = Failure.objects.filter(created_at__gt=Now() - RECENT).order_by()
    for provider, code, count in rows.values_list("provider", "code").annotate(count=Count("pk")):
        family.add_metric([provider or "public", code], count)
    return family


def _current_outages() -> Metric:
    family = GaugeMetricFamily(
        "drayage_outage_organizations",
        "Organizations at which pulls fail in a current outage, by kind of registry, or everywhere",
        labels=["registry"],
    )
    rows = Outage.objects.current().order_by().values_list("kind").annotate(most=Max("organizations"))
    for kind, most in rows:
        family.add_metric([kind or Outage.EVERYWHERE], most)
    return family


def _recent_refusals() -> Metric:
    family = GaugeMetricFamily(
        "drayage_refusals_last_hour", "Tokens and sessions refused within an hour", labels=["reason"]
    )
    refused = Redemption.objects.filter(outcome=Redemption.Outcome.REFUSED, created_at__gt=Now() - RECENT).order_by()
    for reason, count in refused.values_list("reason").annotate(count=Count("pk")):
        family.add_metric([reason], count)
    return family


def _queues() -> Iterator[Metric]:
    waiting = GaugeMetricFamily("drayage_queue_jobs", "Wake-ups that no worker has taken yet", labels=["queue"])
    refused = GaugeMetricFamily(
        "drayage_wakeups_refused", "Entries of queues that workers refused and removed", labels=["reason"]
    )
    try:
        connection = connect()
        for queue in QUEUES:
            waiting.add_metric([queue], length(connection, queue))
        for reason, count in refused_counts(connection).items():
            refused.add_metric([reason.value], count)
    except (RedisError, OSError):
        yield _one("redis_up", "Whether Redis answers", 0)
        return
    yield _one("redis_up", "Whether Redis answers", 1)
    yield waiting
    yield refused
