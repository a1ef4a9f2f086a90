"""Gives every request an id, which is in the response, the log and the activity."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

HEADER = "X-Request-Id"


class RequestIdMiddleware:
    """Sets `request_id` (32 hexadecimal digits) on the request and in each log line. An id that the client sends is
    ignored: with it a client could make log lines point to another entry of the activity."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = uuid.uuid4().hex
        request.request_id = request_id  # type: ignore[attr-defined]
        with structlog.contextvars.bound_contextvars(request=request_id):
            response = self.get_response(request)
        response[HEADER] = request_id
        return response
