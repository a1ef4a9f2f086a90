"""How large the body of a request can be, by its path. Checked before anything parses the body.

The portal's own server (`portal.runtime.http_server`) asks for the same limits before it reads the body; the middleware
holds under any server and responds in the format of the path.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from groups.delivery.errors import oci_error
from groups.nodes.problems import problem
from groups.nodes.views import MAX_ENROLMENT_BYTES, MAX_POLL_BYTES
from registries.foundation.refusal import Refusal

KIB = 1024
MAX_API_BYTES = 1024 * KIB
MAX_FORM_BYTES = 2048 * KIB
"""Forms of members and operators, which can contain a key file and a bundle of certificates."""
MAX_OTHER_BYTES = 16 * KIB
"""What anybody can send without signing in."""

LIMITS = (
    ("/api/", MAX_API_BYTES),
    ("/node/v1/poll", MAX_POLL_BYTES),
    ("/node/v1/", MAX_ENROLMENT_BYTES),
    ("/v2/", 4 * KIB),
    ("/o/", MAX_FORM_BYTES),
    ("/admin/login/", MAX_OTHER_BYTES),
    ("/admin/", MAX_FORM_BYTES),
)
"""Limits in bytes of paths that begin like this; the first one that matches counts."""


def max_body_bytes(path: str) -> int:
    """Return the limit of a path, in bytes."""
    return next((limit for prefix, limit in LIMITS if path.startswith(prefix)), MAX_OTHER_BYTES)


class BodyLimitMiddleware:
    """Responds 413 to a body that is declared larger than its path allows, and 411 to one without a length: Django
    reads no more than what is declared."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        declared = request.META.get("CONTENT_LENGTH") or ""
        if not declared and "HTTP_TRANSFER_ENCODING" in request.META:
            return _refuse(request, HTTPStatus.LENGTH_REQUIRED, "Send a Content-Length.")
        limit = max_body_bytes(request.path_info)
        # Not a number is 400 at the server, and no body for Django.
        if declared.isascii() and declared.isdigit() and int(declared[:20]) > limit:
            return _refuse(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"Send at most {limit // KIB} KiB.")
        return self.get_response(request)


def _refuse(request: HttpRequest, status: HTTPStatus, text: str) -> HttpResponse:
    """The response in the format of the path. For `/api/` its own middleware puts a problem document in its place."""
    too_large = status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code, title = ("too_large", "Too large") if too_large else ("length_required", "Length required")
    if request.path_info.startswith("/node/v1/"):
        return problem(status, code, title, text)
    if request.path_info.startswith("/v2/"):
        return oci_error(status, "SIZE_INVALID" if too_large else "UNSUPPORTED", text)
    if "text/html" not in request.headers.get("Accept", ""):
        return HttpResponse(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")
    refusal = Refusal(text, code=code, status=status)
    refusal.title = title
    return render(request, "refused.html", {"refusal": refusal}, status=status)
