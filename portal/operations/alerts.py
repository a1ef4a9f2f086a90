"""What needs an operator now, each with the page where it can be dealt with."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from django.urls import reverse

from groups.models import Quota
from groups.queries import attention, outages
from portal.accounts import sign_in_limits
from portal.models import User
from portal.operations.workers import Queues
from portal.templatetags.drayage import duration
from registries.secrets import keyring


@dataclass(frozen=True)
class Alert:
    """One problem: `tone` is `red` where it is urgent, else `amber`; `address` is the page to act on, `act` its link's
    text."""

    code: str
    tone: str
    text: str
    address: str
    act: str


def alerts(queues: Queues) -> list[Alert]:
    """Return all alerts, urgent ones first, in a number of queries that doesn't grow."""
    counts = attention.count_alerts()
    found = [*_of_pulls(counts), *_of_nodes(counts), *_of_machines(counts, queues)]
    found += [
        Alert(
            "outage",
            "red" if notice.outage.is_everywhere else "amber",
            notice.for_operators,
            f"{reverse('desk:queue')}?{notice.filters}",
            "See the failures",
        )
        for notice in outages.current_outages(names_hosts=True)
    ]
    altered = User.objects.filter(altered_at__isnull=False).count()
    if altered:
        whose, it = ("1 account was", "it") if altered == 1 else (f"{altered} accounts were", "them")
        text = (
            f"{whose} changed outside the portal; nobody can sign in with {it}. Find out who changed the database, "
            f"then accept {it} with manage.py confirm_account."
        )
        address = f"{reverse('admin:portal_user_changelist')}?altered_at__isempty=0"
        found.append(Alert("accounts", "red", text, address, "See the accounts"))
    try:
        keyring.manifest_public_key()
    except keyring.KeyUnavailable:
        text = "Nodes are sent no images: manifests.pub is missing, which manage.py prepare and the sweeper write."
        found.append(Alert("manifest_key", "red", text, reverse("admin:groups_node_changelist"), "See the nodes"))
    found += [
        Alert(
            "sign-ins",
            "amber",
            f"{limit.count} failed sign-ins with addresses at {limit.shown or 'no domain'} "
            f"since {limit.began_at:%H:%M} UTC. Further guesses are slowed down.",
            f"{reverse('admin:portal_signinlimit_changelist')}?q={quote(limit.shown)}",
            "See the limits",
        )
        for limit in sign_in_limits.alarmed_domains()
    ]
    suspended = Quota.objects.suspended().count()
    if suspended:
        address = f"{reverse('admin:portal_organization_changelist')}?suspended_at__isempty=0"
        found.append(Alert("suspended", "amber", f"{_count_of(suspended, 'organization')} suspended.", address, "See"))
    return sorted(found, key=lambda alert: alert.tone != "red")


def _of_pulls(counts: attention.Attention) -> list[Alert]:
    found = []
    if counts.credentials_overdue:
        text = f"{_count_of(counts.credentials_overdue, 'credential')} held for over a minute past the deadline."
        address = f"{reverse('admin:registries_credential_changelist')}?overdue=yes"
        found.append(Alert("credentials", "red", text, address, "Destroy them"))
    if counts.pulls_stuck:
        text = f"{_count_of(counts.pulls_stuck, 'pull')} stuck: no worker took it in time, or its worker is gone."
        found.append(Alert("pulls", "red", text, f"{reverse('admin:groups_image_changelist')}?stuck=yes", "Pull again"))
    if counts.store_failures:
        text = f"The store failed {counts.store_failures} times within an hour."
        found.append(Alert("store", "red", text, reverse("operations:storage"), "Look at the storage"))
    return found


def _of_nodes(counts: attention.Attention) -> list[Alert]:
    found = []
    if counts.tokens_refused:
        count = counts.tokens_refused
        text = f"Tokens were refused within an hour, {count} in all: used before, another node's, or unknown."
        address = f"{reverse('admin:groups_redemption_changelist')}?outcome__exact=refused"
        found.append(Alert("tokens", "red", text, address, "See who came with them"))
    if counts.node_keys_refused:
        nodes = "1 node has a key" if counts.node_keys_refused == 1 else f"{counts.node_keys_refused} nodes have keys"
        text = f"{nodes} that nobody vouches for, and gets no layer. Find out who changed the database."
        address = f"{reverse('admin:groups_node_changelist')}?key_refused__isempty=0"
        found.append(Alert("node-keys", "red", text, address, "See the nodes"))
    if counts.nodes_silent:
        nodes = "1 node has" if counts.nodes_silent == 1 else f"{counts.nodes_silent} nodes have"
        text = f"{nodes} been silent for over 90 seconds."
        found.append(Alert("nodes", "amber", text, reverse("admin:groups_node_changelist"), "See the nodes"))
    return found


def _of_machines(counts: attention.Attention, queues: Queues) -> list[Alert]:
    address = reverse("operations:health")
    found = []
    if counts.sweeper_is_missing:
        ago = f"for {duration(counts.sweeper_seconds)}" if counts.sweeper_seconds is not None else "yet"
        text = f"The sweeper has made no pass {ago}. Without it nothing is retried, and overdue credentials stay."
        found.append(Alert("sweeper", "red", text, address, "Look at the machines"))
    if not queues.answers:
        text = "Redis does not answer. Pulls begin when the sweeper and it are back; nothing is lost."
        found.append(Alert("redis", "red", text, address, "Look at the machines"))
    elif not any("pulls" in worker.queues for worker in queues.workers):
        found.append(Alert("workers", "red", "No worker takes pulls.", address, "Look at the machines"))
    return found


def _count_of(count: int, what: str) -> str:
    return f"1 {what} is" if count == 1 else f"{count} {what}s are"
