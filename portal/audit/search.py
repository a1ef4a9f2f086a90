"""Searching an organization's activity by area, actor, words and days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.dateparse import parse_date

from portal.audit.log import AREAS, VERBS, of_organization
from portal.models import Activity
from registries.foundation.ids import OrganizationId
from registries.foundation.secret_shapes import redact

MAX_WORDS = 8
MAX_DIGITS = 18


@dataclass(frozen=True)
class Search:
    """Search conditions; empty or None is no condition. `since` and `until` are days in UTC, both included; `before` is
    the number of a row, which is not included."""

    area: str = ""
    who: str = ""
    words: str = ""
    since: date | None = None
    until: date | None = None
    before: int | None = None

    @classmethod
    def of(cls, parameters: QueryDict) -> Search:
        """Read the parameters of an address. Invalid values are no condition."""
        area = parameters.get("area", "")
        return cls(
            area=area if area in AREAS else "",
            who=parameters.get("who", "").strip()[:254],
            words=redact(parameters.get("q", "").strip()[:200], likely=False),
            since=_day(parameters.get("since", "")),
            until=_day(parameters.get("until", "")),
            before=_number(parameters.get("before", "")),
        )

    @property
    def is_empty(self) -> bool:
        """Whether there is no condition."""
        return self == Search()

    @property
    def is_reversed(self) -> bool:
        """Whether `since` is after `until`."""
        return self.since is not None and self.until is not None and self.since > self.until

    def query(self, **changed: str) -> str:
        """Return the parameters as a query string, with some of them changed."""
        values = {
            "area": self.area,
            "who": self.who,
            "q": self.words,
            "since": self.since,
            "until": self.until,
            "before": self.before,
        }
        return urlencode({name: value for name, value in (values | changed).items() if value})

    def rows(self, organization_id: OrganizationId) -> QuerySet[Activity]:
        """Return the organization's rows that match, newest first."""
        rows = of_organization(organization_id)
        if self.area:
            rows = rows.filter(action__startswith=f"{self.area}.")
        if self.who:
            rows = rows.filter(text__actor_name=self.who)
        for word in self.words.split()[:MAX_WORDS]:
            rows = rows.filter(_has(word))
        if self.since:
            rows = rows.filter(created_at__gte=_midnight(self.since))
        if self.until and self.until < date.max:
            rows = rows.filter(created_at__lt=_midnight(self.until) + timedelta(days=1))
        if self.before:
            rows = rows.filter(number__lt=self.before)
        return rows


def _has(word: str) -> Q:
    """Whether a row's text, or the words that a page shows for its action, contains the word."""
    actions = [action for action, (_, words) in VERBS.items() if word.lower() in words]
    return (
        Q(text__actor_name__icontains=word)
        | Q(text__target_name__icontains=word)
        | Q(text__detail__icontains=word)
        | Q(action__in=actions)
        | Q(action=word)
        | Q(request_id=word)
    )


def _day(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def _number(text: str) -> int | None:
    """A number that the column can hold."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS else None


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
