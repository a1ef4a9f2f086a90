"""Gives every request an id, which the answer, the log and the activity name."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

HEADER = "X-Request-Id"


class RequestIdMiddleware:
    """Puts `request_id` (32 hexadecimal digits) on the request and into each line of the log. An id that the client
    sends is ignored: it could forge the link between a line of the log and the activity."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = uuid.uuid4().hex
        request.request_id = request_id  # type: ignore[attr-defined]
        with structlog.contextvars.bound_contextvars(request=request_id):
            response = self.get_response(request)
        response[HEADER] = request_id
        return response
