"""The short way of requests by nodes, their container tools and clouds."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.urls import resolve


class MachinesMiddleware:
    """Passes requests of nodes straight to their views, and those of clouds for an issuer's documents: sessions, forms,
    messages and sign-in are for people, and take longer than a poll."""

    PREFIXES = ("/node/v1/", "/oidc/", "/v2/")

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(self.PREFIXES):
            return self.get_response(request)
        request.get_host()  # responds 400 for a host that is not the portal's, as everywhere
        request.resolver_match = match = resolve(request.path_info)
        response: HttpResponse = match.func(request, *match.args, **match.kwargs)
        if not response.streaming and "Content-Length" not in response:
            response["Content-Length"] = str(len(response.content))
        return response
