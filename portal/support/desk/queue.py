"""The queue: failures that nobody asked about, and requests, in one list with counts by state. First come those in
which a member waits for support, the one who wrote last before the others.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias, cast

from django.core.paginator import Page, Paginator
from django.db.models import (
    Case,
    CharField,
    Count,
    ExpressionWrapper,
    F,
    IntegerField,
    Model,
    Q,
    QuerySet,
    Value,
    When,
)

from groups.models import Failure
from portal.models import SupportCase, SupportMessage, SupportRequest, User
from portal.support import consent
from portal.support.desk.filters import OPEN, OPEN_STATES, STATES, Filters, failures_with_state, filtered
from portal.support.queries import last_text

State = SupportCase.State
Side = SupportMessage.Side
UNANSWERED = (State.NEW, State.SEEN)
PER_PAGE = 50
_ORDER_BY = {"": ("rank", "-moment"), "newest": ("-moment",), "oldest": ("moment",)}
_Key: TypeAlias = tuple[str, uuid.UUID, datetime, int]
"""A row of the list before its columns are read: `failure` or `request`, its key, its time, and its rank."""


@dataclass(frozen=True)
class Line:
    """A row of the queue; what its reader may not see is empty. `message` is what a member wrote last, `again` whether
    that is a reply."""

    what: str
    pk: uuid.UUID
    moment: datetime
    state: str
    title: str
    code: str = ""
    step: str = ""
    kind: str = ""
    host: str = ""
    organization: str = ""
    about: str = ""
    by: str = ""
    message: str = ""
    again: bool = False

    @property
    def chosen(self) -> str:
        """How a form names this row as it was shown."""
        return f"{self.what}:{self.pk}:{self.state}"


@dataclass(frozen=True)
class Queue:
    """One page of the queue, and how many cases there are in each state."""

    filters: Filters
    lines: list[Line]
    page: Page[_Key]
    counts: dict[str, int]


def read_queue(person: User, filters: Filters) -> Queue:
    """Return the queue as this person may see it, in a number of queries that doesn't grow."""
    failures, requests = filtered(person, filters)
    counts = _counts(failures, requests)
    if filters.state != "all":
        failures, requests = failures.filter(Q(state__in=filters.states)), requests.filter(state__in=filters.states)
    both = _keys(failures, "failure", "created_at", Value(1)).union(
        _keys(requests, "request", "asked_at", Case(When(state__in=UNANSWERED, then=0), default=1)), all=True
    )
    page = Paginator(both.order_by(*_ORDER_BY[filters.order]), PER_PAGE).get_page(filters.page)
    return Queue(filters, _lines(person, list(page.object_list)), page, counts)


def _counts(failures: QuerySet[Failure], requests: QuerySet[SupportRequest]) -> dict[str, int]:
    counts = dict.fromkeys(STATES, 0)
    for rows in (failures, requests):
        for state, count in rows.order_by().values_list("state").annotate(count=Count("pk", distinct=True)):  # type: ignore[misc]
            counts[state] += count
    counts[OPEN] = sum(counts[state] for state in OPEN_STATES)
    return counts


def _keys(
    rows: QuerySet[Failure] | QuerySet[SupportRequest], what: str, moment: str, rank: Value | Case
) -> QuerySet[Model, _Key]:
    keys = rows.order_by().annotate(
        what=Value(what, output_field=CharField()),
        key=F("pk"),
        moment=F(moment),
        rank=ExpressionWrapper(rank, output_field=IntegerField()),
    )
    return cast("QuerySet[Model, _Key]", keys.values_list("what", "key", "moment", "rank"))


def _lines(person: User, keys: list[_Key]) -> list[Line]:
    rows = SupportRequest.objects.select_related("organization", "user", "failure").annotate(
        last_message=last_text(Side.MEMBER),
        message_count=Count("messages", filter=Q(messages__side=Side.MEMBER) & ~Q(messages__text="")),
    )
    requests = rows.in_bulk([key for what, key, *_ in keys if what == "request"])
    failures = failures_with_state().select_related("organization")
    failures_by_key = failures.in_bulk([key for what, key, *_ in keys if what != "request"])
    about = [request.failure_id for request in requests.values() if request.failure_id]
    visible = {*failures_by_key, *about} if consent.is_operator(person) else consent.shared_ids(about)
    lines = []
    for what, key, *_ in keys:
        if what == "request" and key in requests:
            request = requests[key]
            line = _request_line(request, visible)
            lines.append(replace(line, message=request.last_message or "", again=request.message_count > 1))
        elif key in failures_by_key:
            lines.append(_failure_line(failures_by_key[key], visible))
    return lines


def _request_line(request: SupportRequest, visible: Collection[uuid.UUID]) -> Line:
    """A request, whose organization support always sees. `visible` are keys of failures that are seen in full."""
    if request.failure is None:
        title = request.get_kind_display()
        line = Line("request", request.pk, request.asked_at, request.state, title, about=request.registry)
    else:
        line = _about_failure("request", request, request.state, request.failure, visible)
    by = str(request.user or "")
    return replace(line, moment=request.asked_at, organization=request.organization.name, by=by)


def _failure_line(failure: Failure, visible: Collection[uuid.UUID]) -> Line:
    state = str(getattr(failure, "state"))  # noqa: B009 (an annotation, unknown to the type)
    line = _about_failure("failure", failure, state, failure, visible)
    return replace(line, organization=failure.organization.name if failure.pk in visible else "")


def _about_failure(
    what: str, row: Failure | SupportRequest, state: str, failure: Failure, visible: Collection[uuid.UUID]
) -> Line:
    is_visible = failure.pk in visible
    return Line(
        what=what,
        pk=row.pk,
        moment=row.created_at,
        state=state,
        title=consent.title_of(failure.code),
        code=failure.code,
        step=failure.step,
        kind=consent.kind_of(failure),
        host=failure.registry if is_visible else "",
        about=failure.group_name if is_visible else "",
    )
