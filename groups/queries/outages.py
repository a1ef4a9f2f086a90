"""Outages as operators and members read them: names, times and words.

The sweeper finds them (`groups.rules.outage_detection`); their rows hold no host. Members read of the services that
many share, and of the hosts that their own organization uses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Q

from groups.models import Image, Outage
from registries.foundation.ids import OrganizationId
from registries.models import Credential
from registries.providers import PROVIDERS
from registries.providers.recognise import service_key

MANY = 3
"""From this number of organizations on, texts say "many"."""

_REASONS = {
    "registry_unreachable": "It does not answer, drops connections, or answers with errors.",
    "resolver_failed": "Its name can't be looked up right now.",
    "rate_limited": "It asks us to slow down.",
    "digest_mismatch": "What it sends does not match its digests.",
    "registry_refuses": "It does not serve requests right now.",
    "tls_invalid": "Its certificate can't be verified.",
    "host_unknown": "Its name can't be found.",
    "host_not_allowed": "Its name leads to an address that can't be used.",
}
_LATER = "Pulls that fail can be tried again later."
_OTHERS = f"Other organizations see this too, so it is probably not your image or credential. {_LATER}"


@dataclass(frozen=True)
class OutageNotice:
    """An outage for people to read. `name` is the registry as texts name it: "GitHub's registry"."""

    outage: Outage
    name: str

    @property
    def title(self) -> str:
        """What fails, for whom; a time follows: "since 12:04", or "from 12:04 to 12:31" once it is over."""
        outage = self.outage
        whom = "for many" if outage.organizations >= MANY else "for several organizations"
        if outage.is_everywhere:
            return f"Pulls from nearly every registry {'were' if outage.is_over else 'are'} failing {whom}"
        return f"{self.name} {'was' if outage.is_over else 'is'} failing {whom}"

    @property
    def text(self) -> str:
        """What members read below the title."""
        outage = self.outage
        if outage.is_over and outage.recovered:
            return "Pulls succeed again."
        if outage.is_over:
            return "No pull has been tried there since then, so it may not be over."
        if outage.is_everywhere:
            return "The cause is probably the portal's own network, not the registries. " + _LATER
        return f"{_REASONS.get(outage.code, '')} {_OTHERS}".strip()

    @property
    def filters(self) -> str:
        """The support desk's filters for its failures, as a query string."""
        return f"kind={self.outage.kind}&age=hour" if self.outage.kind else "age=hour"

    @property
    def for_operators(self) -> str:
        """What operators read: numbers, and where to look."""
        outage = self.outage
        usual = round(outage.usual) or "none"
        counts = (
            f"Up to {outage.attempts} failed attempts in ten minutes, usually {usual}, mostly {outage.code}, at "
            f"{outage.organizations} organizations."
        )
        since = f"since {outage.began_at:%H:%M} UTC"
        if not outage.is_everywhere:
            return f"{self.name} has been failing {since}. {counts}"
        what = "name server" if outage.code == "resolver_failed" else "network, proxy, firewall or name server"
        return (
            f"Pulls from {outage.registries} registries have been failing {since}, and almost none succeed. That is "
            f"probably the portal's own {what}. {counts}"
        )


def current_outages(*, names_hosts: bool) -> list[OutageNotice]:
    """Return the outages that are not over, for operators: that of nearly every registry first, then by the number of
    organizations. With `names_hosts`, registries that are no public service are named by their host, which support may
    not see. Two queries at most."""
    rows = list(Outage.objects.current().order_by("-organizations", "-attempts"))
    rows.sort(key=lambda outage: not outage.is_everywhere)
    hosts = {service_key(host): host for host in _hosts_of_all()} if names_hosts and _has_private_host(rows) else {}
    return [OutageNotice(outage, _name(outage, hosts)) for outage in rows]


def outages_at(hosts: Iterable[str]) -> list[OutageNotice]:
    """Return the outages, current or just over, of these registries (`host[:port]`). One query."""
    rows = _shown()
    return _of(rows, {service_key(host): host for host in hosts}) if rows else []


def outages_of(organization_id: OrganizationId, *, any_service: bool = False) -> list[OutageNotice]:
    """Return the outages, current or just over, of the registries that an organization uses: those of its images and of
    its live credentials. With `any_service` also those of services that it doesn't use yet. One query where there is no
    outage, else three."""
    rows = _shown()
    if not rows:
        return []
    used = {service_key(host): host for host in _hosts_of(organization_id)}
    return _of(rows, used | dict.fromkeys(PROVIDERS, "") if any_service else used)


def _shown() -> list[Outage]:
    return list(Outage.objects.shown())


def _of(rows: list[Outage], hosts: Mapping[str, str]) -> list[OutageNotice]:
    """Return the notices of these registries. An outage of nearly every one contains those of single ones."""
    everywhere = [outage for outage in rows if outage.is_everywhere]
    single = [
        outage
        for outage in rows
        if outage.registry in hosts and not any(_overlap(outage, other) for other in everywhere)
    ]
    return [OutageNotice(outage, _name(outage, hosts)) for outage in (*everywhere, *single)]


def _overlap(outage: Outage, other: Outage) -> bool:
    return outage.began_at <= other.last_failed_at and other.began_at <= outage.last_failed_at


def _name(outage: Outage, hosts: Mapping[str, str]) -> str:
    if outage.registry in PROVIDERS:
        return PROVIDERS[outage.registry].name_in_text
    return f"The registry {hosts[outage.registry]}" if outage.registry in hosts else "A registry"


def _has_private_host(rows: Iterable[Outage]) -> bool:
    return any(outage.registry not in PROVIDERS and not outage.is_everywhere for outage in rows)


def _hosts_of(organization_id: OrganizationId) -> set[str]:
    groups = Q(groups__isnull=False) | Q(next_for__isnull=False)
    images = Image.objects.filter(groups, organization=organization_id).order_by().values_list("registry", flat=True)
    credentials = Credential.objects.live().filter(organization=organization_id).order_by()
    return {*images.distinct(), *credentials.values_list("host", flat=True).distinct()}


def _hosts_of_all() -> list[str]:
    return list(Image.objects.order_by().values_list("registry", flat=True).distinct())
