"""The one way to refuse a request: a stable code, a message that says what to do, and an HTTP status.

A refusal is for the person or program that asks. It is not a failure of a pull (`registries.failures`), and nothing
has changed when it is raised.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeAlias, TypeVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse

P = ParamSpec("P")
R = TypeVar("R", bound=HttpRequest)
View: TypeAlias = Callable[Concatenate[R, P], HttpResponse]


class Refusal(Exception):
    """Something can't be done now. Subclasses set `code`, `title`, `status` and `retry_after`; each but the title may
    be given instead.

    `message` says why and what to do about it. `field` is the form field, or the path in the request's body
    (`container.image`), that it is about; empty for the request as a whole. `retry_after` is in seconds.
    """

    code = "refused"
    title = "This can't be done now"
    status = 409
    retry_after: int | None = None

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        status: int | None = None,
        field: str = "",
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        if code:
            self.code = code
        if status is not None:
            self.status = status
        if retry_after is not None:
            self.retry_after = retry_after


def shows_refusal(otherwise: View[R, P]) -> Callable[[View[R, P]], View[R, P]]:
    """Decorate a view that acts: a Refusal becomes a message on the page that `otherwise` leads to. `otherwise` takes
    what the view takes."""

    def decorate(view: View[R, P]) -> View[R, P]:
        @wraps(view)
        def shown(request: R, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            try:
                return view(request, *args, **kwargs)
            except Refusal as refusal:
                messages.error(request, refusal.message)
                return otherwise(request, *args, **kwargs)

        return shown

    return decorate
