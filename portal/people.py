"""Pages about one's own account that differ from allauth's: addresses aren't managed here, and a forgotten password
is set anew by mail only where the portal sends or prints any."""

from __future__ import annotations

from typing import Any

from allauth.account.views import password_reset
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from portal import mail


def no_such_page(request: HttpRequest) -> HttpResponse:
    """An operator keeps people's addresses; a second, unproven one would only block two-step sign-in."""
    raise Http404


def reset_password(request: HttpRequest, **options: Any) -> HttpResponse:
    """Send the link that sets a new password, or say who sets one where there is no mail server."""
    if not mail.goes_out():
        return render(request, "account/reset_closed.html", {"support_email": settings.PORTAL_SUPPORT_EMAIL})
    if settings.PORTAL_PRINTS_MAIL and request.method == "POST":
        messages.info(request, "This portal has no mail server: the e-mail is printed on its console.")
    answer: HttpResponse = password_reset(request, **options)
    return answer
