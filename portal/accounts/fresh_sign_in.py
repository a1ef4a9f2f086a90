"""Pages that need a fresh sign-in: who finds an open browser, or has copied its cookie, can't give himself lasting
access with it.

The person proves again who they are, with whatever they sign in with, on allauth's page for that. A form that was sent
is kept, and the page after the proof shows and sends it (`portal.accounts.kept_forms`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY, get_authentication_records
from django.contrib.auth import REDIRECT_FIELD_NAME, update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render

from portal.accounts import kept_forms
from portal.accounts.signed_in import person_of
from portal.accounts.sso.session import proved_at
from portal.models import User

FRESH_SECONDS = 15 * 60
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")


@dataclass(frozen=True, slots=True)
class Fresh:
    """A page that needs a fresh sign-in. `purpose` completes "You wanted to …". `also_get`: opening it needs one too,
    because it shows a secret, or so that nothing is typed in vain."""

    purpose: str
    also_get: bool = False


FRESH_PAGES: Mapping[str, Fresh] = {
    "account_change_password": Fresh("change your password", also_get=True),
    "account_set_password": Fresh("set a password", also_get=True),
    "mfa_activate_totp": Fresh("add an authenticator app", also_get=True),
    "mfa_deactivate_totp": Fresh("remove your authenticator app", also_get=True),
    "mfa_add_webauthn": Fresh("add a passkey", also_get=True),
    "mfa_edit_webauthn": Fresh("rename a passkey", also_get=True),
    "mfa_remove_webauthn": Fresh("remove a passkey", also_get=True),
    "account_remove_password": Fresh("remove your password", also_get=True),
    "mfa_view_recovery_codes": Fresh("see your recovery codes", also_get=True),
    "mfa_generate_recovery_codes": Fresh("create recovery codes", also_get=True),
    "account_address": Fresh("change your address", also_get=True),
    "account_new_address": Fresh("change your address"),
    "account_delete": Fresh("delete your account", also_get=True),
    "account_sessions_end": Fresh("sign out your other browsers"),
    "account_session_end": Fresh("sign out another browser"),
    "portal:invite": Fresh("invite somebody"),
    "portal:second_factors": Fresh("change who needs a second factor"),
    "portal:member_role": Fresh("change a role"),
    "portal:api_key_create": Fresh("create an API key"),
    "portal:api_key_rotate": Fresh("rotate an API key"),
    "portal:api_key_take_over": Fresh("take over an API key"),
    "portal:add_webhook": Fresh("add a webhook, which has a secret"),
    "portal:webhook_rotate": Fresh("create a new webhook secret"),
    "sso:save_provider": Fresh("change single sign-on"),
    "sso:save_policy": Fresh("change single sign-on"),
    "sso:remove_provider": Fresh("remove single sign-on"),
    "sso:add_domain": Fresh("add a domain"),
    "sso:remove_domain": Fresh("remove a domain"),
    "sso:connect": Fresh("connect single sign-on"),
    "sso:disconnect": Fresh("disconnect single sign-on"),
    "registries:destroy": Fresh("destroy a credential"),
    "registries:erase": Fresh("erase a receipt"),
    "admin:auth_user_password_change": Fresh("set somebody's password", also_get=True),
    "admin:portal_user_link": Fresh("create a link that sets somebody's password"),
    "admin:portal_user_changelist": Fresh("sign people out"),
    "admin:portal_user_add": Fresh("add a person", also_get=True),
    "admin:portal_user_change": Fresh("change an account"),
    "admin:account_emailaddress_changelist": Fresh("change addresses"),
    "admin:account_emailaddress_add": Fresh("add an address"),
    "admin:account_emailaddress_change": Fresh("change an address"),
    "admin:account_emailaddress_delete": Fresh("remove an address"),
    "admin:portal_organization_changelist": Fresh("suspend or resume organizations"),
    "admin:portal_organization_add": Fresh("create an organization"),
    "admin:portal_organization_change": Fresh("change an organization and its members"),
    "admin:groups_enrolment_changelist": Fresh("revoke enrolments"),
    "admin:groups_enrolment_add": Fresh("create an enrolment code"),
    "admin:registries_credential_changelist": Fresh("destroy credentials"),
    "admin:portal_ssoprovider_changelist": Fresh("remove identity providers"),
    "admin:portal_verifieddomain_changelist": Fresh("remove domains"),
    "admin:portal_linkedidentity_changelist": Fresh("disconnect single sign-on"),
}
"""What needs a fresh sign-in, by URL name. A test compares the table with all addresses."""


class FreshSignInMiddleware:
    """Asks for a fresh sign-in before the pages in `FRESH_PAGES`, and gives the session another key after one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST" or not request.path_info.startswith("/accounts/"):
            return self.get_response(request)
        before = request.session.get(AUTHENTICATION_METHODS_SESSION_KEY)
        was_signed_in = request.user.is_authenticated
        response = self.get_response(request)
        proofs = request.session.get(AUTHENTICATION_METHODS_SESSION_KEY)
        if was_signed_in and request.user.is_authenticated and proofs != before:
            _renew(request)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: tuple[object, ...], kwargs: dict[str, str]
    ) -> HttpResponse | None:
        """Respond with a redirect to the page that asks who it is; None where the request may continue."""
        page = FRESH_PAGES.get(request.resolver_match.view_name) if request.resolver_match is not None else None
        if page is None or (request.method in _SAFE_METHODS and not page.also_get) or not request.user.is_authenticated:
            return None
        if is_fresh(request):
            if request.method == "POST":
                kept_forms.forget(request)
            return None
        return _ask(request, page)


def is_fresh(request: HttpRequest) -> bool:
    """Whether the person of the request has proved who they are in the last FRESH_SECONDS: by signing in, or again. The
    time is in the session's encrypted content."""
    records = get_authentication_records(request, request.user if request.user.is_authenticated else None)
    access = getattr(request, "access", None)
    organization_id = None if access is None else access.organization_id
    return any(0 <= time.time() - proved_at(record, organization_id) < FRESH_SECONDS for record in records)


def _ask(request: HttpRequest, page: Fresh) -> HttpResponse:
    methods = get_adapter().get_reauthentication_methods(request.user)
    if not methods:
        return render(request, "account/reauthentication_missing.html", {"purpose": page.purpose}, status=403)
    is_form = request.method not in _SAFE_METHODS
    after = kept_forms.keep(request, page.purpose) if is_form else request.get_full_path()
    address = f"{methods[0]['url']}?{urlencode({REDIRECT_FIELD_NAME: after})}"
    if getattr(request, "htmx", False):
        return HttpResponse(headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)


def _renew(request: HttpRequest) -> None:
    """Give the session another key. The password may just have been hashed again, which the session has to know; not if
    all sessions were ended at the same time."""
    row = person_of(request)
    if isinstance(request.user, User) and row.session_epoch == request.user.session_epoch:
        update_session_auth_hash(request, row)
    else:
        request.session.cycle_key()
