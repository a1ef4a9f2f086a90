"""Responses to pages that poll: 304 while nothing has changed."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response, patch_cache_control


def live_response(request: HttpRequest, version: str, render: Callable[[], HttpResponse]) -> HttpResponse:
    """Return what `render` returns, or 304 if the client has this `version` already."""
    etag = f'"{version}"'
    response = get_conditional_response(request, etag=etag) or render()
    response["ETag"] = etag
    patch_cache_control(response, private=True, no_cache=True)
    return response
