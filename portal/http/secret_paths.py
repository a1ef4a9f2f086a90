"""Responses at addresses that are secrets: links of invitations and of new passwords."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from portal.config.redaction import redact


class SecretPathMiddleware:
    """Keeps such an address out of the `Referer` header of what is requested next, and out of caches.

    That header has the origin alone. With `no-referrer` browsers send forms with `Origin: null`, which Django refuses.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if redact(request.path_info) != request.path_info:
            response["Referrer-Policy"] = "strict-origin"
            response["Cache-Control"] = "no-store"
        return response
