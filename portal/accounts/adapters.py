"""Adapters of allauth: nobody signs up by themselves, signing in and out is recorded in the same transaction, and the
secrets of second factors are encrypted."""

from __future__ import annotations

from smtplib import SMTPException
from typing import ClassVar

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.stagekit import clear_login
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from portal.accounts import (
    authority,
    browser_sessions,
    known_browser,
    passkeys,
    second_factors,
    session_limits,
    sign_in_limits,
)
from portal.accounts.actions import set_password
from portal.accounts.attempt_counters import Spent, refund
from portal.accounts.fresh_sign_in import is_fresh
from portal.accounts.notices import send_notice
from portal.accounts.signed_in import person_of
from portal.accounts.sso import session as sso_session
from portal.audit import refused_sign_ins
from portal.audit.sign_ins import RECOVERY_CODES, record_for_person
from portal.http.actors import actor_of, actor_of_person
from portal.mail.links import with_public_links
from portal.models import RefusedSignIn, User
from portal.organizations import invitation_links
from registries.foundation.requests import client_address

ALTERED = "This account was changed outside the portal, so nobody can sign in with it. Ask an operator."
RECOVERY_CODE_USED = (
    "You used a recovery code, which works once. If you lost your passkey or app, remove it under Two-factor "
    "authentication and add another."
)
WAYS = {"mfa_reauthenticate": "Use a code", "mfa_reauthenticate:webauthn": "Use a passkey"}
"""What allauth calls a security key may be a passkey."""
AGAIN = "Your second factor was not asked for. Sign in again."

log = structlog.get_logger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Closes the sign-up page, records who signs in and out, and responds even if mail can't be sent."""

    _spent = Spent.nothing()
    error_messages: ClassVar[dict[str, str]] = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": "The email address or the password is wrong.",
        "enter_current_password": "This is not your current password.",
        "incorrect_password": "This is not your password.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return False: an operator or an owner adds people."""
        return False

    def is_ajax(self, request: HttpRequest) -> bool:
        """Return False: allauth responds with its pages only. Its JSON responses don't have the form, from which
        `portal.accounts.views` records what was refused."""
        return False

    def is_reauthentication_required(self, *, app: str, **kwargs: object) -> bool:
        """Whether allauth's own pages ask who it is: by the same rule as those in `FRESH_PAGES`."""
        return not is_fresh(self.request)

    def pre_login(self, request: HttpRequest, user: User, **kwargs: object) -> HttpResponse | None:
        """Refuse a deactivated and an altered account, before a second factor is asked for."""
        response: HttpResponse | None = super().pre_login(request, user, **kwargs)
        if response is None and not authority.may_sign_in(user):
            return refuse_altered(request, user)
        return response

    def login(self, request: HttpRequest, user: User) -> None:
        """Sign the person in and record it. A second factor may have been asked for since `pre_login`, and other
        pages sign in without it."""
        row = User.objects.get(pk=user.pk)
        if not authority.may_sign_in(row):
            raise ImmediateHttpResponse(refuse_altered(request, user))
        by = actor_of_person(request, user)
        kinds = [factor.get("type") for factor in get_authentication_records(request, user)][-1:]
        if authority.needs_second_factor(row) and not any(kinds):
            # It was not asked for, because its row was away at that moment; somebody may have put it back.
            log.error("second_factor_not_asked_for", person=user.pk)
            clear_login(request)
            messages.error(request, AGAIN)
            raise ImmediateHttpResponse(redirect("account_login"))
        with transaction.atomic():
            super().login(request, user)
            session_limits.begin(request.session)
            browser_sessions.note(request, user)
            sso_session.begin(request, user)
            if known_browser.browser_of(request, row.email) is None and row.last_login is not None:
                send_notice(user, "signed_in_elsewhere", by=by)
            if kinds == [RECOVERY_CODES]:
                record_for_person(user, "account.recovery_code_used", by=by)
                messages.warning(request, RECOVERY_CODE_USED)
            record_for_person(user, "account.signed_in", by=by, detail="with a second factor" if any(kinds) else "")
        known_browser.remember(request, user)

    def logout(self, request: HttpRequest) -> None:
        """Sign the person out and record it. Who signs out to accept an invitation to another address keeps its
        link."""
        person = person_of(request)
        invited = invitation_links.remembered(request) if _goes_to_invitation(request) else ""
        with transaction.atomic():
            super().logout(request)
            record_for_person(person, "account.signed_out", by=actor_of_person(request, person))
        if invited:
            invitation_links.remember(request, invited)

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the client's address as the rest of the portal knows it; `0.0.0.0` behind a Unix socket."""
        return client_address(request) or "0.0.0.0"  # noqa: S104 (no address to listen at)

    def pre_authenticate(self, request: HttpRequest, **credentials: object) -> None:
        """Count an attempt before the password is checked. Raises TooManyAttempts."""
        if isinstance(request.user, User):
            self._spent = sign_in_limits.allow_password_again(request, request.user)
        else:
            self._spent = sign_in_limits.allow_password(request, str(credentials.get("email", "")))

    def _rollback_login_failed_rl_usage(self) -> None:
        """allauth calls it when the password was right."""
        refund(self._spent)

    def add_message(self, request: HttpRequest, *args: object, **kwargs: object) -> None:
        """Add a message for the next page, except after a reset of the password, where the page itself says it."""
        if not _is_reset(request):
            super().add_message(request, *args, **kwargs)

    def get_reauthentication_methods(self, user: User | AnonymousUser) -> list[dict[str, str]]:
        """Return how somebody can prove again who they are: allauth's ways, and the provider that this session began
        with. An organization's provider that was added to it says nothing of the account."""
        methods: list[dict[str, str]] = super().get_reauthentication_methods(user)
        for method in methods:
            method["description"] = WAYS.get(method["id"], method["description"])
        if sso_session.session_of(self.request).can_prove_again:
            methods.append({"id": "sso", "description": "Use single sign-on", "url": reverse("sso:again")})
        return methods

    def authentication_failed(self, request: HttpRequest, **credentials: object) -> None:
        """Note a wrong password or an unknown address."""
        super().authentication_failed(request, **credentials)
        refused_sign_ins.note(str(credentials.get("email", "")), RefusedSignIn.Reason.PASSWORD, by=actor_of(request))

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        """Note that the person of a deactivated account entered the right password."""
        refused_sign_ins.note(user.email, RefusedSignIn.Reason.DEACTIVATED, by=actor_of(request))
        response: HttpResponse = super().respond_user_inactive(request, user)
        return response

    def set_password(self, user: User, password: str) -> None:
        """Change or reset a password and record it."""
        is_reset = _is_reset(self.request)
        set_password(user, password, is_reset=is_reset, by=actor_of_person(self.request, user))
        if is_reset:
            known_browser.remember(self.request, user)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, object]) -> None:
        """Send a mail; log a failure. To show the failure would reveal that the address has an account."""
        try:
            super().send_mail(template_prefix, email, with_public_links(context))
        except (SMTPException, OSError) as error:
            log.warning("mail_not_sent", template=template_prefix, error=type(error).__name__)


def refuse_altered(request: HttpRequest, user: User) -> HttpResponse:
    """Note that somebody tried to sign in with an altered account, and lead back to the sign-in page."""
    clear_login(request)
    authority.note_altered(user, by=actor_of(request))
    messages.error(request, ALTERED)
    return redirect("account_login")


def _is_reset(request: HttpRequest) -> bool:
    return request.resolver_match is not None and request.resolver_match.url_name == "account_reset_password_from_key"


def _goes_to_invitation(request: HttpRequest) -> bool:
    return request.POST.get("next") == reverse("portal:invitation_accept")


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Encrypts TOTP secrets and recovery codes at rest, bound to their person. Passkeys belong to the portal's own
    address, whatever the Host of a request says."""

    error_messages: ClassVar[dict[str, str]] = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": "Incorrect code. Check the time on your device, or wait for the next code.",
        "passkey_invalid": "This passkey was not accepted. Try again.",
        "passkey_not_alone": "This passkey is set up as a second step. Sign in with your password first.",
        "passkey_copied": "This passkey may have been copied, so it was not accepted. Tell an operator.",
    }

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Return the site that passkeys are bound to."""
        return {"id": passkeys.site_id(), "name": "Drayage"}

    def generate_authenticator_name(self, user: User, type: object) -> str:
        """Return the name of a passkey for which the person typed none."""
        return "Passkey"

    def encrypt(self, text: str) -> str:
        """Return the base64 text that is stored for a secret."""
        return second_factors.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Return the secret; one that no code matches if it was not encrypted for this person."""
        return second_factors.decrypt_or_unknown(encrypted_text)
