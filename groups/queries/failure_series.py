"""Failed attempts by kind of registry over time, for charts. Only counts: no names.

Failed attempts are counted, not failed pulls: a pull fails minutes later, after its last attempt.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from django.db.models import Count
from django.db.models.functions import TruncDay, TruncHour

from groups.models import FailedAttempt
from registries.foundation.clock import database_now
from registries.providers import PROVIDERS

Bucket: TypeAlias = type[TruncHour] | type[TruncDay]


@dataclass(frozen=True)
class Span:
    """The time that a chart covers: the number and length of its steps."""

    steps: int
    step: timedelta
    truncate: Bucket
    words: str


SPANS = {
    "hours": Span(48, timedelta(hours=1), TruncHour, "the last 48 hours, by hour"),
    "days": Span(14, timedelta(days=1), TruncDay, "the last 14 days, by day"),
}


@dataclass(frozen=True)
class Series:
    """Failures per step, by kind of registry and by code. `moments` are the beginnings of all steps, empty ones too."""

    moments: list[datetime]
    by_kind: dict[str, list[int]]
    by_code: dict[str, list[int]]


def series(span: Span, now: datetime | None = None) -> Series:
    """Return the failures in each step of the span, in one query."""
    now = now or database_now()
    last = now.replace(minute=0, second=0, microsecond=0)
    if span.step >= timedelta(days=1):
        last = last.replace(hour=0)
    moments = [last - span.step * back for back in reversed(range(span.steps))]
    places = {moment: place for place, moment in enumerate(moments)}
    by_kind: dict[str, list[int]] = {}
    by_code: dict[str, list[int]] = {}
    rows = FailedAttempt.objects.filter(created_at__gte=moments[0]).order_by().annotate(at=span.truncate("created_at"))
    for at, kind, code, count in rows.values_list("at", "kind", "code").annotate(count=Count("pk")):
        if at in places:
            for table, key in ((by_kind, kind), (by_code, code)):
                table.setdefault(key, [0] * len(moments))[places[at]] += count
    return Series(moments, _largest_first(by_kind), _largest_first(by_code))


def name_of(kind: str) -> str:
    """Return the name of a kind of registry."""
    provider = PROVIDERS.get(kind)
    return provider.name if provider else kind


def _largest_first(table: dict[str, list[int]]) -> dict[str, list[int]]:
    return dict(sorted(table.items(), key=lambda item: (-sum(item[1]), item[0])))


def total(table: dict[str, list[int]]) -> int:
    """Return the sum of all counts."""
    return sum(sum(counts) for counts in table.values())


def peak(table: Iterable[list[int]]) -> int:
    """Return the highest sum of one step."""
    return max((sum(step) for step in zip(*table, strict=True)), default=0)
