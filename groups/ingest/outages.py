"""Keeps the rows of outages: begins, follows and ends them. The sweeper calls it on each pass."""

from __future__ import annotations

from datetime import timedelta

import structlog
from django.db.models import Q
from django.db.models.functions import Now

from groups.models import Outage
from groups.models.outage import SHOWN_AFTERWARDS
from groups.rules.outage_detection import Failing, Observation, observe

log = structlog.get_logger(__name__)

MAX_AGE = timedelta(days=30)
"""Older rows are deleted."""


def note_outages(observed: Observation | None = None) -> int:
    """Begin and end outages as `observed`, now if that is None. Returns how many began or ended. Safe alongside another
    sweep: an outage is one row."""
    observed = observed or observe()
    changed = 0
    named = set()
    for found in observed.failing():
        if found.registry == Outage.EVERYWHERE or not _is_part(observed):
            changed += _begin(found, observed)
            named.add(found.registry)
    for outage in Outage.objects.current().exclude(registry__in=named):
        changed += _follow(outage, observed)
    return changed


def _is_part(observed: Observation) -> bool:
    """Whether nearly every registry is failing, so that one of them is no outage of its own."""
    everywhere = Outage.objects.current().filter(registry=Outage.EVERYWHERE).first()
    return everywhere is not None and not observed.has_ended(everywhere)


def delete_old() -> int:
    """Delete outages that ended longer than `MAX_AGE` ago; return how many there were."""
    return Outage.objects.filter(ended_at__lt=Now() - MAX_AGE).delete()[0]


def _begin(found: Failing, observed: Observation) -> bool:
    """Store an outage, or what is new of one that is known. Returns whether it has begun."""
    lately = Q(ended_at__isnull=True) | Q(ended_at__gt=observed.now - SHOWN_AFTERWARDS)
    outage = Outage.objects.filter(lately, registry=found.registry).order_by("-began_at").first()
    is_new = outage is None
    if outage is None:
        outage, is_new = Outage.objects.get_or_create(
            registry=found.registry,
            ended_at=None,
            defaults={
                "kind": found.kind,
                "code": found.code,
                "attempts": found.attempts,
                "usual": found.usual,
                "organizations": found.organizations,
                "registries": found.registries,
                "began_at": found.began_at,
                "last_failed_at": found.last_failed_at,
            },
        )
    has_begun = is_new or outage.is_over
    if not is_new:
        Outage.objects.filter(pk=outage.pk).update(
            code=found.code,
            attempts=max(outage.attempts, found.attempts),
            organizations=max(outage.organizations, found.organizations),
            registries=max(outage.registries, found.registries),
            last_failed_at=max(outage.last_failed_at, found.last_failed_at),
            ended_at=None,
            recovered=False,
        )
    if has_begun:
        log.warning(
            "outage_began", registry=found.kind or found.registry, code=found.code, attempts=found.attempts,
            organizations=found.organizations, registries=found.registries, began_at=outage.began_at,
        )  # fmt: skip
    return has_begun


def _follow(outage: Outage, observed: Observation) -> bool:
    """Note an outage's last failure, and whether it has ended. Returns whether it has."""
    last = max(outage.last_failed_at, observed.last_failure(outage) or outage.last_failed_at)
    outage.last_failed_at = last
    row = Outage.objects.current().filter(pk=outage.pk)
    if not observed.has_ended(outage):
        row.update(last_failed_at=last)
        return False
    recovered = observed.has_recovered(outage)
    row.update(last_failed_at=last, ended_at=observed.now, recovered=recovered)
    log.info("outage_over", registry=outage.kind or outage.registry, recovered=recovered, last_failed_at=last)
    return True
