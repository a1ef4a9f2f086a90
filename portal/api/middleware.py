"""What every response below `/api/` has, including those of no operation: rate limit headers, a problem document for
errors, and no caching."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

from groups.api.errors import not_found
from portal.api.problems import MEDIA_TYPE, problem
from portal.http.body_limits import MAX_API_BYTES
from registries.foundation.refusal import Refusal

log = structlog.get_logger(__name__)

_REFUSED = {
    404: not_found(),
    405: Refusal("This address does not support the method.", code="method_not_allowed", status=405),
    411: Refusal("Send a Content-Length.", code="length_required", status=411),
    413: Refusal(f"A request has at most {MAX_API_BYTES} bytes.", code="too_large", status=413),
    415: Refusal("Send this in UTF-8.", code="unsupported_media_type", status=415),
}


class ApiMiddleware:
    """The outermost middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/api/"):
            return self.get_response(request)
        request_id: str = getattr(request, "request_id", "")
        began = time.monotonic()
        response = self._respond(request)
        key = getattr(request, "auth", None)
        log.info(
            "api_call",
            request=request_id,
            method=request.method,
            view=request.resolver_match.view_name if request.resolver_match else "",
            status=response.status_code,
            key=str(key.pk) if key is not None else "",
            ms=round((time.monotonic() - began) * 1000),
        )
        response.setdefault("Cache-Control", "no-store")
        if (rate := getattr(request, "rate", None)) is not None:
            response["RateLimit-Limit"] = str(rate.limit)
            response["RateLimit-Remaining"] = str(rate.remaining)
            response["RateLimit-Reset"] = str(rate.reset)
        return response

    def _respond(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code >= 400 and response.get("Content-Type") != MEDIA_TYPE:
            text = "This request can't be used as it is."
            other = Refusal(text, code="invalid", status=response.status_code)
            replaced = problem(request, _REFUSED.get(response.status_code, other))
            if allow := response.get("Allow"):
                replaced["Allow"] = allow
            return replaced
        return response
