"""Whether a registry, or nearly every one, is failing now. Only counts: no names.

Failed attempts are counted, not failed pulls: a pull fails minutes later, after its last attempt. Only those count that
pass by themselves (`FailedAttempt.passes`), and only what several organizations meet is an outage, so that neither a
wrong password nor one customer's own registry becomes one. Pulls that succeed at the same registry count against it.
Few pulls say little: without failures or successes, nothing is concluded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from groups.models import Outage
from groups.rules.registry_traffic import QUIET, Attempt, Traffic, recent_traffic
from registries.foundation.clock import database_now
from registries.foundation.ids import OrganizationId
from registries.providers import PROVIDERS

MIN_FAILURES = 5
"""Fewer failed attempts are no outage."""
MIN_ORGANIZATIONS = 2
MIN_CUSTOMERS = 3
"""The least number of organizations where each has a host of its own at the service, with its own firewall."""
MIN_REGISTRIES = 3
"""So many registries that fail at once have the portal's own network in common."""
MIN_SERVICES = 2


@dataclass(frozen=True)
class Failing:
    """A registry that fails at several organizations, or nearly all of them (`Outage.EVERYWHERE`)."""

    registry: str
    kind: str
    code: str
    attempts: int
    usual: float
    organizations: int
    registries: int
    began_at: datetime
    last_failed_at: datetime


@dataclass(frozen=True)
class Observation:
    """What is known of all registries at `now`, by `service_key`."""

    now: datetime
    traffic: dict[str, Traffic]

    def failing(self) -> list[Failing]:
        """Return the outages that have begun. If nearly every registry fails, that is one outage, not one of each."""
        everywhere = self._everywhere()
        if everywhere is not None:
            return [everywhere]
        found = (self._at(registry, traffic) for registry, traffic in self.traffic.items())
        return [failing for failing in found if failing is not None]

    def has_ended(self, outage: Outage) -> bool:
        """Whether a known outage is over: pulls succeed again, no more fail than usual, or nothing is known any more
        because nobody has tried for ten minutes."""
        if outage.is_everywhere:
            down, up = self._down(), self._up(outage.began_at)
            return not down or 2 * len(up) > len(down)
        traffic = self.traffic.get(outage.registry)
        if traffic is None or not traffic.failures or traffic.is_over(self.now):
            return True
        if traffic.succeeded_at is None:
            return False
        return len(_organizations(traffic.failures)) < MIN_ORGANIZATIONS or len(traffic.failures) <= 2 * outage.usual

    def has_recovered(self, outage: Outage) -> bool:
        """Whether a pull has succeeded there within ten minutes."""
        if outage.is_everywhere:
            return bool(self._up(outage.began_at))
        return self.traffic.get(outage.registry, Traffic()).succeeded_at is not None

    def last_failure(self, outage: Outage) -> datetime | None:
        """Return when an attempt failed there last; None if none did within ten minutes."""
        everywhere = self.traffic.values()
        there = everywhere if outage.is_everywhere else [self.traffic.get(outage.registry, Traffic())]
        return max((attempt.at for traffic in there for attempt in traffic.failures), default=None)

    def _at(self, registry: str, traffic: Traffic) -> Failing | None:
        organizations = _organizations(traffic.failures)
        others = traffic.succeeded.keys() - organizations
        if (
            not is_unusual(len(traffic.failures), traffic.usual)
            or len(organizations) < _min_organizations(registry)
            or len(others) > 2 * len(organizations)
            or traffic.is_over(self.now)
        ):
            return None
        run = traffic.run
        is_whole = len(run) >= MIN_FAILURES and len(_organizations(run)) >= MIN_ORGANIZATIONS
        return _failing(registry, traffic.kind, run if is_whole else traffic.failures, traffic.usual)

    def _everywhere(self) -> Failing | None:
        down = self._down()
        if len(down) < MIN_REGISTRIES:
            return None
        beginnings = sorted(traffic.run[0].at for traffic in down.values())
        broad_since = beginnings[MIN_REGISTRIES - 1]
        began_at = min(at for at in beginnings if at >= broad_since - QUIET)
        attempts = sorted(attempt for traffic in down.values() for attempt in traffic.run if attempt.at >= began_at)
        organizations = _organizations(attempts)
        services = [registry for registry in down if registry in PROVIDERS]
        usual = sum(traffic.usual for traffic in self.traffic.values())
        if (
            2 * len(self._up(broad_since)) > len(down)
            or not is_unusual(len(attempts), usual)
            or len(organizations) < MIN_ORGANIZATIONS
            or (len(services) < MIN_SERVICES and len(organizations) < MIN_CUSTOMERS)
        ):
            return None
        return _failing(Outage.EVERYWHERE, "", attempts, usual, len(down))

    def _down(self) -> dict[str, Traffic]:
        """Registries at which no pull has succeeded since one failed."""
        return {registry: traffic for registry, traffic in self.traffic.items() if traffic.run}

    def _up(self, since: datetime) -> list[Traffic]:
        """Registries from which a pull has succeeded after `since` and after its last failure."""
        return [
            traffic
            for traffic in self.traffic.values()
            if traffic.succeeded_at is not None and traffic.succeeded_at > since and not traffic.run
        ]


def observe(now: datetime | None = None) -> Observation:
    """Return what is known of all registries now, in four queries; in two while nothing fails."""
    now = now or database_now()
    return Observation(now, recent_traffic(now))


def is_unusual(count: int, usual: float) -> bool:
    """Return whether `count` failures within ten minutes are more than chance makes of `usual`."""
    return count >= MIN_FAILURES and count > 3 * usual + 3


def _min_organizations(registry: str) -> int:
    """The least number of organizations that an outage has: more of a service that gives each customer a host."""
    provider = PROVIDERS.get(registry)
    has_host_of_each = provider is not None and not provider.shared_host
    return MIN_CUSTOMERS if has_host_of_each else MIN_ORGANIZATIONS


def _organizations(attempts: Sequence[Attempt]) -> set[OrganizationId]:
    return {attempt.organization for attempt in attempts}


def _failing(registry: str, kind: str, attempts: Sequence[Attempt], usual: float, registries: int = 1) -> Failing:
    codes = Counter(attempt.code for attempt in attempts)
    return Failing(
        registry=registry,
        kind=kind,
        code=codes.most_common(1)[0][0],
        attempts=len(attempts),
        usual=usual,
        organizations=len(_organizations(attempts)),
        registries=registries,
        began_at=attempts[0].at,
        last_failed_at=attempts[-1].at,
    )
