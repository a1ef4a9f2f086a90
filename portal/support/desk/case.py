"""One case: a failure or a request with all that its reader may see of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from groups.models import Failure
from groups.trail import StepLine, trace_lines
from portal.models import SupportLook, SupportMessage, SupportRequest
from portal.support import consent
from registries.providers import PROVIDERS

MAX_SHOWN = 50


@dataclass(frozen=True)
class Step:
    """A step with the moment at which it began."""

    line: StepLine
    began: datetime | None


@dataclass(frozen=True)
class Case:
    """What a page shows. `whole` says whether its reader sees all of the failure; what is not to be seen is empty."""

    what: str
    row: Failure | SupportRequest
    failure: Failure | None
    request: SupportRequest | None
    requests: list[SupportRequest]
    thread: list[SupportMessage]
    whole: bool
    title: str
    kind: str
    steps: list[Step]
    looks: list[SupportLook]
    hint: str = ""

    @property
    def last_said(self) -> str:
        """By what an answer tells to which message it was written: the last that is shown."""
        return str(self.thread[-1].pk) if self.thread else ""

    @property
    def states(self) -> list[tuple[str, str]]:
        """Where it can be moved from here."""
        return [(value, label) for value, label in Failure.State.choices if value not in ("new", self.row.state)]


def of_failure(person: Any, failure: Failure) -> Case:
    """A failure, with what was asked about it."""
    return _case(person, "failure", failure, failure, None)


def of_request(person: Any, request: SupportRequest) -> Case:
    """A request, with the failure that it is about."""
    return _case(person, "request", request, request.failure, request)


def _case(
    person: Any, what: str, row: Failure | SupportRequest, failure: Failure | None, request: SupportRequest | None
) -> Case:
    if failure is None:
        title = request.get_kind_display() if request else ""
        return Case(what, row, None, request, [], _thread(request), False, title, "", [], [])
    whole = consent.sees_all(person, failure)
    provider = PROVIDERS.get(failure.provider)
    asked = failure.support_requests.select_related("user").order_by("-created_at")
    return Case(
        what=what,
        row=row,
        failure=failure,
        request=request,
        requests=[each for each in asked[:MAX_SHOWN] if request is None or each.pk != request.pk],
        thread=_thread(request),
        whole=whole,
        title=failure.words.title if whole else consent.title_of(failure.code),
        kind=consent.kind_of(failure),
        steps=_steps(failure, whole),
        looks=list(failure.looks.select_related("person")[:MAX_SHOWN]),
        hint=provider.hints.get(failure.code, "") if provider and whole else "",
    )


def _thread(request: SupportRequest | None) -> list[SupportMessage]:
    return list(request.messages.select_related("author")) if request is not None else []


def _steps(failure: Failure, whole: bool) -> list[Step]:
    began = {str(each.get("name")): _moment(each.get("started_at")) for each in failure.trace if isinstance(each, dict)}
    lines = trace_lines(failure)
    if not whole:
        lines = [StepLine(each.name, each.label, each.outcome, each.seconds) for each in lines]
    return [Step(each, began.get(each.name)) for each in lines]


def _moment(text: Any) -> datetime | None:
    try:
        return parse_datetime(str(text or ""))
    except ValueError:
        return None
