"""The filters of the queue: reading them from the address, and finding the failures and requests that they leave.

A filter by what support may not see finds only what was shared with it; otherwise its results would reveal the rest.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Now

from groups.models import Failure
from portal.models import Organization, SupportCase, SupportMessage, SupportRequest, User
from portal.support import consent
from registries.foundation.ids import FailureId
from registries.foundation.secret_shapes import redact
from registries.providers import PROVIDERS

State = SupportCase.State
OPEN = "open"
STATES = {OPEN: "Open", State.NEW: "New", State.SEEN: "Seen", State.WAITING: "Waiting", State.SOLVED: "Solved"}
OPEN_STATES = (State.NEW, State.SEEN, State.WAITING)
AGES = {"hour": ("The last hour", 1), "day": ("The last 24 hours", 24), "week": ("The last 7 days", 7 * 24)}
"""Label and hours."""
ORDERS = {"": "Who waits for us", "newest": "Newest first", "oldest": "Oldest first"}
WHAT = {"request": "Requests", "failure": "Failures"}
MAX_LENGTH = 200
MAX_ORGANIZATIONS = 500
_NAMES_OF_FAILURE = ("reference", "group_name", "registry", "raw")
_NAMES_OF_REQUEST = ("registry", "user__email", "organization__name", "organization__slug")


@dataclass(frozen=True)
class Filters:
    """What the address filters by, and the order and page. An empty text filters nothing."""

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
    def from_query(cls, query: Mapping[str, str]) -> Filters:
        """Read a query string; unknown values filter nothing."""
        text = {name: query.get(name, "")[:MAX_LENGTH].strip() for name in cls.__dataclass_fields__}
        return cls(
            state=text["state"] if text["state"] in STATES or text["state"] == "all" else OPEN,
            what=text["what"] if text["what"] in WHAT else "",
            kind=text["kind"] if text["kind"] in PROVIDERS else "",
            host=text["host"].lower(),
            code=text["code"],
            org=text["org"],
            age=text["age"] if text["age"] in AGES else "",
            q=redact(text["q"], likely=False),
            order=text["order"] if text["order"] in ORDERS else "",
            page=text["page"] or "1",
        )

    @property
    def narrows(self) -> bool:
        """Whether anything but the state is filtered by."""
        return bool(self.what or self.kind or self.host or self.code or self.org or self.age or self.q)

    @property
    def states(self) -> tuple[str, ...]:
        """The states that are shown."""
        if self.state == "all":
            return tuple(State.values)
        return OPEN_STATES if self.state == OPEN else (self.state,)


def filtered(person: User, filters: Filters) -> tuple[QuerySet[Failure], QuerySet[SupportRequest]]:
    """Return failures that nobody asked about, and requests, in any state, as far as this person may find them."""
    is_operator = consent.is_operator(person)
    failures = failures_with_state().filter(support_requests__isnull=True)
    requests = SupportRequest.objects.all()
    if filters.what:
        failures, requests = (failures, requests.none()) if filters.what == "failure" else (failures.none(), requests)
    if filters.kind:
        failures, requests = failures.filter(provider=filters.kind), requests.filter(failure__provider=filters.kind)
    if filters.code:
        failures, requests = failures.filter(code=filters.code), requests.filter(failure__code=filters.code)
    if filters.age:
        since = Now() - timedelta(hours=AGES[filters.age][1])
        failures, requests = failures.filter(created_at__gte=since), requests.filter(asked_at__gte=since)
    if filters.org:
        named = Q(organization__slug=filters.org)
        failures, requests = failures.filter(named) if is_operator else failures.none(), requests.filter(named)
    if filters.host:
        failures = failures.filter(registry=filters.host) if is_operator else failures.none()
        about_host = Q(failure__registry=filters.host)
        requests = requests.filter(about_host if is_operator else about_host & Q(consent.shared("failure")))
    if filters.q:
        failures, requests = _search(filters.q, failures, requests, is_operator=is_operator)
    return failures, requests


def failures_with_state() -> QuerySet[Failure]:
    """Failures with support's `state` of each: one that support has never touched has no case, and is new."""
    return Failure.objects.annotate(state=Coalesce("support_case__state", Value(State.NEW)))


def organization_slugs(person: User) -> list[str]:
    """Slugs of the organizations that can be filtered by: for support, those that asked."""
    rows = Organization.objects.order_by("slug")
    if not consent.is_operator(person):
        rows = rows.filter(support_requests__isnull=False).distinct()
    return list(rows.values_list("slug", flat=True)[:MAX_ORGANIZATIONS])


def _search(
    text: str, failures: QuerySet[Failure], requests: QuerySet[SupportRequest], *, is_operator: bool
) -> tuple[QuerySet[Failure], QuerySet[SupportRequest]]:
    """Find an id, or a text anywhere in names and messages."""
    try:
        key = uuid.UUID(text)
    except ValueError:
        pass
    else:
        return failures.filter(pk=FailureId(key)), requests.filter(Q(pk=key) | Q(failure=key))
    of_failure = _contains(text, _NAMES_OF_FAILURE)
    of_requests_failure = _contains(text, [f"failure__{name}" for name in _NAMES_OF_FAILURE])
    messages = SupportMessage.objects.filter(request=OuterRef("pk"), text__icontains=text)
    of_request = Q(Exists(messages)) | _contains(text, _NAMES_OF_REQUEST)
    if is_operator:
        of_organization = _contains(text, ("organization__name", "organization__slug"))
        return failures.filter(of_failure | of_organization), requests.filter(of_request | of_requests_failure)
    is_shared = Q(consent.shared("failure"))
    return failures.none(), requests.filter(of_request | (of_requests_failure & is_shared))


def _contains(text: str, columns: Iterable[str]) -> Q:
    condition = Q()
    for column in columns:
        condition |= Q(**{f"{column}__icontains": text})
    return condition
