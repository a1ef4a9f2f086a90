"""The portal's addresses, and one for each page that says no: as `ROOT_URLCONF` of a test."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.csrf import csrf_failure

from groups.rules.quotas import RefusedWhileSuspended
from portal.accounts.attempt_counters import TooManyAttempts
from portal.accounts.views import reset_password
from portal.urls import urlpatterns as _urlpatterns

REASONS: dict[str, Any] = {
    "400": SuspiciousOperation("bad"),
    "403": PermissionDenied(),
    "404": Http404(),
    "409": RefusedWhileSuspended(),
    "429": TooManyAttempts("Too many failed sign-ins. Try again at 12:40:05 UTC.", retry_after=30),
    "500": RuntimeError("broken"),
}


def refuse(request: HttpRequest, why: str) -> HttpResponse:
    """Answer as the portal does to that."""
    if why in REASONS:
        raise REASONS[why]
    if why == "403-csrf":
        return csrf_failure(request)
    if why == "reset":
        return reset_password(request)
    return render(request, "503.html", status=503)


REFUSALS = (*REASONS, "403-csrf", "503", "reset")
urlpatterns = [*_urlpatterns, path("refusals/<str:why>/", refuse)]
