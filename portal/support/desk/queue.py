"""The queue: failures that nobody asked about, and requests, in one list, filtered and counted. On top are those in
which a member waits for support, the one who wrote last first.

A filter by what support may not see finds only what was shared with it; else its answers would tell.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Coalesce
from django.utils import timezone

from groups.models import Failure
from portal.models import Organization, SupportCase, SupportMessage, SupportRequest, User
from portal.support import consent
from portal.support.queries import last_text
from registries.providers import PROVIDERS

State = SupportCase.State
Side = SupportMessage.Side
UNANSWERED = (State.NEW, State.SEEN)
PER_PAGE = 50
OPEN = "open"
STATES = {OPEN: "Open", State.NEW: "New", State.SEEN: "Seen", State.WAITING: "Waiting", State.SOLVED: "Solved"}
AGES = {"hour": ("The last hour", 1), "day": ("The last 24 hours", 24), "week": ("The last 7 days", 7 * 24)}
ORDERS = {"": "Who waits for us", "newest": "Newest first", "oldest": "Oldest first"}
BY = {"": ("rank", "-moment"), "newest": ("-moment",), "oldest": ("moment",)}
WHAT = {"request": "Requests", "failure": "Failures"}


@dataclass(frozen=True)
class Asked:
    """What the address asks for; anything unknown in it asks for nothing."""

    state: str = OPEN
    what: str = ""
    kind: str = ""
    host: str = ""
    code: str = ""
    org: str = ""
    age: str = ""
    q: str = ""
    order: str = ""
    page: str = "1"

    @classmethod
    def read(cls, address: Mapping[str, str]) -> Asked:
        """Read a query string."""
        text = {name: address.get(name, "")[:200].strip() for name in cls.__dataclass_fields__}
        return cls(
            state=text["state"] if text["state"] in STATES or text["state"] == "all" else OPEN,
            what=text["what"] if text["what"] in WHAT else "",
            kind=text["kind"] if text["kind"] in PROVIDERS else "",
            host=text["host"].lower(),
            code=text["code"],
            org=text["org"],
            age=text["age"] if text["age"] in AGES else "",
            q=text["q"],
            order=text["order"] if text["order"] in ORDERS else "",
            page=text["page"] or "1",
        )

    @property
    def narrows(self) -> bool:
        """Whether anything but the state is asked for."""
        return bool(self.what or self.kind or self.host or self.code or self.org or self.age or self.q)


@dataclass(frozen=True)
class Line:
    """A row of the queue; what its reader may not see is empty. `message` is what a member wrote last, `again` whether
    that is a reply."""

    what: str
    pk: uuid.UUID
    moment: datetime
    state: str
    title: str
    code: str
    step: str
    kind: str
    host: str
    organization: str
    about: str
    by: str
    message: str
    again: bool = False

    @property
    def chosen(self) -> str:
        """How a form names this row as it was shown."""
        return f"{self.what}:{self.pk}:{self.state}"


@dataclass(frozen=True)
class Queue:
    """One page of it, and how many there are in each state."""

    asked: Asked
    lines: list[Line]
    page: Page[Any]
    counts: dict[str, int]


def read(person: User, asked: Asked) -> Queue:
    """Return the queue as this person may see it, in a number of queries that doesn't grow."""
    failures, requests = _filtered(person, asked)
    counts = _counts(failures, requests)
    if asked.state != "all":
        states = [asked.state] if asked.state != OPEN else [State.NEW, State.SEEN, State.WAITING]
        failures, requests = failures.filter(Q(state__in=states)), requests.filter(state__in=states)
    both = _keys(failures, "failure", "created_at", Value(1)).union(
        _keys(requests, "request", "asked_at", Case(When(state__in=UNANSWERED, then=0), default=1)), all=True
    )
    pages = Paginator(both.order_by(*BY[asked.order]), PER_PAGE)
    page = pages.get_page(asked.page)
    return Queue(asked, _lines(person, list(page.object_list)), page, counts)


def organizations(person: User) -> list[str]:
    """Addresses of the organizations that can be filtered by: for support, those that asked."""
    rows = Organization.objects.order_by("slug")
    if not consent.is_operator(person):
        rows = rows.filter(support_requests__isnull=False).distinct()
    return list(rows.values_list("slug", flat=True)[:500])


def _filtered(person: User, asked: Asked) -> tuple[QuerySet[Failure], QuerySet[SupportRequest]]:
    operator = consent.is_operator(person)
    failures = _failures().filter(support_requests__isnull=True)
    requests = SupportRequest.objects.all()
    if asked.what:
        failures, requests = (failures, requests.none()) if asked.what == "failure" else (failures.none(), requests)
    if asked.kind:
        failures, requests = failures.filter(provider=asked.kind), requests.filter(failure__provider=asked.kind)
    if asked.code:
        failures, requests = failures.filter(code=asked.code), requests.filter(failure__code=asked.code)
    if asked.age:
        since = timezone.now() - timedelta(hours=AGES[asked.age][1])
        failures, requests = failures.filter(created_at__gte=since), requests.filter(asked_at__gte=since)
    if asked.org:
        named = Q(organization__slug=asked.org)
        failures, requests = failures.filter(named) if operator else failures.none(), requests.filter(named)
    if asked.host:
        failures = failures.filter(registry=asked.host) if operator else failures.none()
        there = Q(failure__registry=asked.host)
        requests = requests.filter(there if operator else there & Q(consent.shared("failure")))
    if asked.q:
        failures, requests = _searched(asked.q, failures, requests, operator)
    return failures, requests


def _failures() -> QuerySet[Failure]:
    """Failures with support's `state` of each: one that support has never touched has no case, and is new."""
    return Failure.objects.annotate(state=Coalesce("support_case__state", Value(State.NEW)))


def _searched(
    text: str, failures: QuerySet[Failure], requests: QuerySet[SupportRequest], operator: bool
) -> tuple[QuerySet[Failure], QuerySet[SupportRequest]]:
    try:
        key = uuid.UUID(text)
    except ValueError:
        pass
    else:
        return failures.filter(pk=key), requests.filter(Q(pk=key) | Q(failure=key))
    inside = Q()
    for name in ("reference", "group_name", "registry", "raw"):
        inside |= Q(**{f"{name}__icontains": text})
    about = Q()
    for name in ("reference", "group_name", "registry", "raw"):
        about |= Q(**{f"failure__{name}__icontains": text})
    said = SupportMessage.objects.filter(request=OuterRef("pk"), text__icontains=text)
    written = Q(Exists(said))
    for name in ("registry", "user__email", "organization__name", "organization__slug"):
        written |= Q(**{f"{name}__icontains": text})
    if operator:
        named = Q(organization__name__icontains=text) | Q(organization__slug__icontains=text)
        return failures.filter(inside | named), requests.filter(written | about)
    return failures.none(), requests.filter(written | (about & Q(consent.shared("failure"))))


def _counts(failures: QuerySet[Failure], requests: QuerySet[SupportRequest]) -> dict[str, int]:
    counts = dict.fromkeys(STATES, 0)
    for rows in (failures, requests):
        for state, count in rows.order_by().values_list("state").annotate(count=Count("pk", distinct=True)):  # type: ignore[misc]
            counts[state] += count
    counts[OPEN] = counts[State.NEW] + counts[State.SEEN] + counts[State.WAITING]
    return counts


def _keys(rows: QuerySet[Any], what: str, moment: str, rank: Any) -> QuerySet[Any, tuple[Any, ...]]:
    named = rows.order_by().annotate(
        what=Value(what, output_field=CharField()),
        key=F("pk"),
        moment=F(moment),
        rank=ExpressionWrapper(rank, output_field=IntegerField()),
    )
    keys: QuerySet[Any, tuple[Any, ...]] = named.values_list("what", "key", "moment", "rank")
    return keys


def _lines(person: User, keys: list[tuple[Any, ...]]) -> list[Line]:
    rows = SupportRequest.objects.select_related("organization", "user", "failure").annotate(
        said=last_text(Side.MEMBER),
        times=Count("messages", filter=Q(messages__side=Side.MEMBER) & ~Q(messages__text="")),
    )
    requests = rows.in_bulk([key for what, key, *_ in keys if what == "request"])
    failures = _failures().select_related("organization").in_bulk([key for what, key, *_ in keys if what != "request"])
    about = [request.failure_id for request in requests.values() if request.failure_id]
    open_ids = {*failures, *about} if consent.is_operator(person) else consent.shared_ids(about)
    lines = []
    for what, key, *_ in keys:
        if what == "request" and key in requests:
            lines.append(_asked(requests[key], open_ids))
        elif key in failures:
            failure = failures[key]
            state = str(getattr(failure, "state"))  # noqa: B009 (an annotation, unknown to the type)
            lines.append(_line(what, failure, state, failure, open_ids, organization=failure.organization.name))
    return lines


def _asked(request: Any, open_ids: set[uuid.UUID]) -> Line:
    by, said = str(request.user or ""), request.said or ""
    if request.failure is not None:
        line = _line(
            "request", request, request.state, request.failure, open_ids, always=request.organization.name, by=by
        )
    else:
        line = Line(
            "request", request.pk, request.asked_at, request.state, request.get_kind_display(), "", "", "",
            "", request.organization.name, request.registry, by, "",
        )  # fmt: skip
    return replace(line, moment=request.asked_at, message=said, again=request.times > 1)


def _line(
    what: str,
    row: Failure | SupportRequest,
    state: str,
    failure: Failure,
    open_ids: set[uuid.UUID],
    *,
    organization: str = "",
    always: str = "",
    by: str = "",
) -> Line:
    whole = failure.pk in open_ids
    return Line(
        what=what,
        pk=row.pk,
        moment=row.created_at,
        state=state,
        title=consent.title_of(failure.code),
        code=failure.code,
        step=failure.step,
        kind=consent.kind_of(failure),
        host=failure.registry if whole else "",
        organization=always or (organization if whole else ""),
        about=failure.group_name if whole else "",
        by=by,
        message="",
    )
