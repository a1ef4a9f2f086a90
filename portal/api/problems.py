"""Errors of the API: problem+json (RFC 9457) with a stable code and the request's id. No value of a request is
repeated, since it may be a secret."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias

import structlog
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from groups.api.errors import not_found
from groups.api.schemas.no_secrets import CODE
from registries.foundation.refusal import Refusal
from registries.secrets.keyring import KeyUnavailable

log = structlog.get_logger(__name__)

TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    411: "Length required",
    413: "Too large",
    415: "Unsupported media type",
    429: "Too many requests",
    500: "Unexpected error",
    503: "Not available",
}
MEDIA_TYPE = "application/problem+json"
Handler: TypeAlias = Callable[[HttpRequest, Any], HttpResponse]
RETRY_SECONDS = 5


def problem(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """Return the response for a refusal."""
    body: dict[str, object] = {
        "type": "about:blank",
        "title": TITLES.get(refusal.status, "Error"),
        "status": refusal.status,
        "detail": refusal.message[:2000],
        "code": refusal.code,
        "request_id": getattr(request, "request_id", ""),
    }
    if refusal.field:
        body["field"] = refusal.field
    response = HttpResponse(json.dumps(body), status=refusal.status, content_type=MEDIA_TYPE)
    if refusal.retry_after is not None:
        response["Retry-After"] = str(refusal.retry_after)
    return response


def unavailable(request: HttpRequest) -> HttpResponse:
    """Return the response while something the portal depends on is unavailable."""
    text = "The portal can't do this right now. Try again in a few seconds."
    return problem(request, Refusal(text, code="not_available", status=503, retry_after=RETRY_SECONDS))


def handle_in(api: NinjaAPI) -> None:
    """Register handlers that turn every error of the API into a problem document."""
    handlers: dict[type[Exception], Handler] = {
        Refusal: problem,
        Http404: _not_found,
        ValidationError: _invalid,
        HttpError: _http_error,
        OperationalError: _unavailable,
        InterfaceError: _unavailable,
        KeyUnavailable: _unavailable,
        Exception: _unexpected,
    }
    for error, handler in handlers.items():
        api.add_exception_handler(error, handler)


def _not_found(request: HttpRequest, error: Exception) -> HttpResponse:
    return problem(request, not_found())


def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Return the first error that pydantic found, with its field. Its message never repeats the value."""
    first = error.errors[0]
    path = [str(part) for part in first.get("loc", ()) if part not in ("body", "payload", "path", "query")]
    text = str(first.get("msg", "This can't be used."))
    more = f" There are {len(error.errors) - 1} more." if len(error.errors) > 1 else ""
    message = f"{text}.{more}".replace("..", ".")
    code = CODE if first.get("type") == CODE else "invalid"
    return problem(request, Refusal(message, code=code, status=400, field=".".join(path)[:300]))


def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    if isinstance(error.__cause__, Refusal):
        return problem(request, error.__cause__)
    return problem(request, Refusal("This request can't be used as it is.", code="invalid", status=error.status_code))


def _unavailable(request: HttpRequest, error: Exception) -> HttpResponse:
    log.error("api_not_available", request=getattr(request, "request_id", ""), error=type(error).__name__)
    return unavailable(request)


def _unexpected(request: HttpRequest, error: Exception) -> HttpResponse:
    log.exception("api_failed", request=getattr(request, "request_id", ""), exc_info=error)
    text = "Something went wrong here. Ask support and name the request_id."
    return problem(request, Refusal(text, code="unexpected", status=500))
