"""The page of a case: a failure or a request, as far as its reader may see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.dateparse import parse_datetime

from groups.models import Failure
from groups.queries.pull_steps import StepLine, trace_lines
from portal.models import FailureCase, SupportCase, SupportLook, SupportMessage, SupportRequest, User
from portal.support import consent
from registries.providers import PROVIDERS

MAX_ROWS = 50


@dataclass(frozen=True)
class Step:
    """A step with the time at which it began."""

    line: StepLine
    began: datetime | None


@dataclass(frozen=True)
class CasePage:
    """What a page shows. `case` has state and note; `whole` says whether its reader sees all of the failure; fields
    that they may not see are empty."""

    what: str
    case: FailureCase | SupportRequest
    created_at: datetime
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
    def last_message_key(self) -> str:
        """The key of the last message that is shown: the one that an answer is written to."""
        return str(self.thread[-1].pk) if self.thread else ""

    @property
    def states(self) -> list[tuple[str, str]]:
        """The states that it can be moved to, with their labels."""
        unreachable = (SupportCase.State.NEW, self.case.state)
        return [(value, label) for value, label in SupportCase.State.choices if value not in unreachable]


def of_failure(person: User, case: FailureCase) -> CasePage:
    """A failure, with what members asked about it."""
    return _about_failure(person, "failure", case, case.failure, None)


def of_request(person: User, request: SupportRequest) -> CasePage:
    """A request, with the failure that it is about."""
    if request.failure is not None:
        return _about_failure(person, "request", request, request.failure, request)
    return CasePage(
        what="request",
        case=request,
        created_at=request.created_at,
        failure=None,
        request=request,
        requests=[],
        thread=_thread(request),
        whole=False,
        title=request.get_kind_display(),
        kind="",
        steps=[],
        looks=[],
    )


def _about_failure(
    person: User, what: str, case: FailureCase | SupportRequest, failure: Failure, request: SupportRequest | None
) -> CasePage:
    whole = consent.sees_all(person, failure)
    provider = PROVIDERS.get(failure.provider)
    asked = failure.support_requests.select_related("user").order_by("-created_at")
    return CasePage(
        what=what,
        case=case,
        created_at=(request or failure).created_at,
        failure=failure,
        request=request,
        requests=[other for other in asked[:MAX_ROWS] if request is None or other.pk != request.pk],
        thread=_thread(request) if request is not None else [],
        whole=whole,
        title=failure.words.title if whole else consent.title_of(failure.code),
        kind=consent.kind_of(failure),
        steps=_steps(failure, whole),
        looks=list(failure.looks.select_related("person")[:MAX_ROWS]),
        hint=provider.hint(failure.code, failure.params) if provider and whole else "",
    )


def _thread(request: SupportRequest) -> list[SupportMessage]:
    return list(request.messages.select_related("author"))


def _steps(failure: Failure, whole: bool) -> list[Step]:
    began = {str(step.get("name")): _moment(step.get("started_at")) for step in failure.trace if isinstance(step, dict)}
    lines = trace_lines(failure)
    if not whole:
        lines = [StepLine(line.name, line.label, line.outcome, line.seconds) for line in lines]
    return [Step(line, began.get(line.name)) for line in lines]


def _moment(text: object) -> datetime | None:
    try:
        return parse_datetime(str(text or ""))
    except ValueError:
        return None
