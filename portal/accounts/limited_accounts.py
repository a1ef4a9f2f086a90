"""What an account can open whose address is not proven: the pages of the organization that invited it, and its own.

Whatever is not in the table is refused, so a new page is closed to such an account until somebody decides otherwise.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.organizations.errors import AddressUnproven

OPEN_TO_LIMITED = frozenset(
    {
        "portal:home",
        "portal:invitation",
        "portal:invitation_accept",
        "account_login",
        "account_logout",
        "account_inactive",
        "account_signup",
        "account_continue",
        "account_reauthenticate",
        "account_change_password",
        "account_set_password",
        "account_reset_password",
        "account_reset_password_done",
        "account_reset_password_from_key",
        "account_reset_password_from_key_done",
        "account_profile",
        "account_name",
        "account_prove_address",
        "account_delete",
        "account_sessions",
        "account_session_end",
        "account_sessions_end",
        "mfa_index",
        "mfa_authenticate",
        "mfa_reauthenticate",
        "mfa_list_webauthn",
        "mfa_add_webauthn",
        "mfa_edit_webauthn",
        "mfa_remove_webauthn",
        "mfa_login_webauthn",
        "mfa_reauthenticate_webauthn",
        "account_remove_password",
        "mfa_activate_totp",
        "mfa_deactivate_totp",
        "mfa_view_recovery_codes",
        "mfa_generate_recovery_codes",
        "mfa_download_recovery_codes",
        "api_docs",
        "sso:find",
        "sso:portal_start",
        "sso:again",
        "sso:wait",
        "sso:portal_callback",
        "sso:callback",
        "sso:logout",
        "livez",
        "readyz",
        "metrics",
    }
)
"""By URL name. Pages below `/o/` are open by membership, of which such an account has only the one it began with."""
NO_SESSION = frozenset({"api-public", "api-v1", "delivery", "issuers", "nodes"})
"""Namespaces where a key or a token says who it is, not a browser's session."""


class LimitedAccountMiddleware:
    """Refuses an account without a proof of its address what is not open to it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: tuple[object, ...], kwargs: dict[str, str]
    ) -> HttpResponse | None:
        """Respond 403 with what to do; None where the request may continue."""
        match = request.resolver_match
        if match is not None and (
            "org" in kwargs or match.view_name in OPEN_TO_LIMITED or NO_SESSION.intersection(match.namespaces)
        ):
            return None
        if not request.user.is_authenticated or request.user.address_proof:
            return None
        return render(request, "account/prove_first.html", {"refusal": AddressUnproven(request.user.email)}, status=403)
