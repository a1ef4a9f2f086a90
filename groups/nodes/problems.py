"""Errors of the node API: problem+json (RFC 9457) with a stable code.

The body is the same for every caller. The id that links a response to its log line is in a header, as with every
response of the portal.
"""

from __future__ import annotations

import json

import structlog
from django.http import HttpResponse

log = structlog.get_logger(__name__)


def problem(status: int, code: str, title: str, detail: str) -> HttpResponse:
    """Return the error response and log it. `detail` says what to do next."""
    log.info("node_call_refused", status=status, code=code)
    body = {"type": "about:blank", "title": title, "status": status, "code": code, "detail": detail}
    response = HttpResponse(json.dumps(body), status=status, content_type="application/problem+json")
    response["Cache-Control"] = "no-store"
    return response


def not_authenticated() -> HttpResponse:
    """The response to every caller that is not authenticated, whatever the reason."""
    response = problem(
        401,
        "not_authenticated",
        "Not authenticated",
        "Sign each call with the enrolled key: a JWT of at most 60 seconds, with a jti that was not used before.",
    )
    response["WWW-Authenticate"] = "Bearer"
    return response
