"""Keeps a session to what its single sign-on opens.

A session that began with an organization's provider opens that organization and nothing else. One whose provider has
ended it is signed out.
"""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.accounts.sso.session import SESSION_KEY, session_of

OPEN = frozenset(
    {
        "portal:home", "account_logout", "account_login", "account_continue",
        "sso:find", "sso:portal_start", "sso:portal_callback", "sso:callback", "sso:wait", "sso:again",
        "account_reauthenticate", "mfa_reauthenticate", "mfa_reauthenticate_webauthn",
        "livez", "readyz", "api_docs",
    }
)  # fmt: skip
"""What a limited session opens outside of its organizations, by URL name."""


class SsoSessionMiddleware:
    """Ends sessions that their provider has ended, and refuses what a limited session doesn't open."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: tuple[object, ...], kwargs: dict[str, str]
    ) -> HttpResponse | None:
        """Respond in place of the view where the session has ended or doesn't open it."""
        if request.session.get(SESSION_KEY) is None or not request.user.is_authenticated:
            return None
        found = session_of(request)
        if found.is_over:  # ended by the provider, or disconnected
            logout(request)
            return redirect_to_login(request.get_full_path()) if request.method == "GET" else None
        name = request.resolver_match.view_name if request.resolver_match else ""
        # Addresses below /o/ are checked with the organization.
        if not found.limited or "org" in kwargs or name in OPEN:
            return None
        return render(request, "account/sso/limited.html", status=403)
