"""What needs an operator now, in words, each with the page where something can be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from groups.models import Quota
from groups.queries import attention, outages
from portal.operations.workers import Queues
from portal.templatetags.drayage import duration


@dataclass(frozen=True)
class Alert:
    """One thing: how urgent (`red` or `amber`), what is so, and where it leads."""

    code: str
    tone: str
    text: str
    address: str
    act: str


def alerts(queues: Queues) -> list[Alert]:
    """Return what needs somebody, the urgent first, in a number of queries that doesn't grow."""
    seen = attention.count_alerts()
    found = [*_of_pulls(seen), *_of_nodes(seen), *_of_machines(seen, queues)]
    found += [
        Alert(
            "outage",
            "amber",
            f"{outage.name}: {outage.count} failures in the last 10 minutes, usually {outage.usual or 'none'}.",
            f"{reverse('desk:queue')}?kind={outage.kind}&age=hour",
            "See the failures",
        )
        for outage in outages.current_outages()
    ]
    suspended = Quota.objects.suspended().count()
    if suspended:
        address = f"{reverse('admin:portal_organization_changelist')}?suspended_at__isempty=0"
        found.append(Alert("suspended", "amber", f"{_so_many(suspended, 'organization')} suspended.", address, "See"))
    return sorted(found, key=lambda alert: alert.tone != "red")


def _of_pulls(seen: attention.Attention) -> list[Alert]:
    found = []
    if seen.credentials_overdue:
        text = f"{_so_many(seen.credentials_overdue, 'credential')} held for over a minute past the deadline."
        address = f"{reverse('admin:registries_credential_changelist')}?overdue=yes"
        found.append(Alert("credentials", "red", text, address, "Destroy them"))
    if seen.pulls_stuck:
        text = f"{_so_many(seen.pulls_stuck, 'pull')} stuck: no worker took it in time, or its worker is gone."
        found.append(Alert("pulls", "red", text, f"{reverse('admin:groups_image_changelist')}?stuck=yes", "Pull again"))
    if seen.store_failures:
        text = f"The store failed {seen.store_failures} times within an hour."
        found.append(Alert("store", "red", text, reverse("operations:storage"), "Look at the storage"))
    return found


def _of_nodes(seen: attention.Attention) -> list[Alert]:
    found = []
    if seen.tokens_refused:
        count = seen.tokens_refused
        text = f"Tokens were refused within an hour, {count} in all: used before, another node's, or unknown."
        address = f"{reverse('admin:groups_redemption_changelist')}?outcome__exact=refused"
        found.append(Alert("tokens", "red", text, address, "See who came with them"))
    if seen.nodes_silent:
        text = f"{_so_many(seen.nodes_silent, 'node')} silent for over 90 seconds."
        found.append(Alert("nodes", "amber", text, reverse("admin:groups_node_changelist"), "See the nodes"))
    return found


def _of_machines(seen: attention.Attention, queues: Queues) -> list[Alert]:
    address = reverse("operations:health")
    found = []
    if seen.sweeper_is_missing:
        ago = f"for {duration(seen.sweeper_seconds)}" if seen.sweeper_seconds is not None else "yet"
        text = f"The sweeper has made no pass {ago}. Without it nothing is retried, and overdue credentials stay."
        found.append(Alert("sweeper", "red", text, address, "Look at the machines"))
    if not queues.answers:
        text = "Redis does not answer. Pulls begin when the sweeper and it are back; nothing is lost."
        found.append(Alert("redis", "red", text, address, "Look at the machines"))
    elif not any("pulls" in worker.queues for worker in queues.workers):
        found.append(Alert("workers", "red", "No worker takes pulls.", address, "Look at the machines"))
    return found


def _so_many(count: int, what: Any) -> str:
    return f"1 {what} is" if count == 1 else f"{count} {what}s are"
