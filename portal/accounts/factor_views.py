"""Pages of one's own second factors below /accounts/2fa/. allauth's views verify; the portal's actions change."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, cast
from urllib.parse import quote

from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import clear_totp_secret
from allauth.mfa.totp.views import ActivateTOTPView
from allauth.mfa.webauthn.internal import auth as ceremonies
from allauth.mfa.webauthn.views import AddWebAuthnView, LoginWebAuthnView, ReauthenticateWebAuthnView
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from portal.accounts import authority, factor_actions, factor_policy, passkeys
from portal.accounts.adapters import refuse_altered
from portal.accounts.factor_actions import NewPasskey, is_passwordless
from portal.accounts.factor_forms import AppForm, PasskeyAgainForm, PasskeyForm, PasskeyLoginForm, PasskeyNameForm
from portal.accounts.factor_rows import PASSKEY, PROVING, RECOVERY_CODES, TOTP, rows_of
from portal.accounts.session_epoch import keep_session
from portal.http.actors import actor_of
from portal.models import User
from registries.secrets.at_rest import AtRestBroken

FunctionView: TypeAlias = Callable[..., HttpResponse]
FEW_CODES = 3
CODES_BROKEN = "These recovery codes are not yours and are not shown. Generate new ones."
CODES_SHOWN = "Recovery codes are shown once. Generate new ones if you didn't keep them."


@login_required
@never_cache
def overview(request: HttpRequest) -> HttpResponse:
    """Show the person's second factors, or why they need one."""
    person = _person(request)
    rows = rows_of(person.pk)
    passkey_rows = [row for row in rows if row.type == PASSKEY]
    codes = next((row for row in rows if row.type == RECOVERY_CODES), None)
    used = int(codes.data.get("used_mask", 0)).bit_count() if codes is not None else 0
    left = app_settings.RECOVERY_CODE_COUNT - used if codes is not None else 0
    context = {
        "passkeys": [{"row": row, "alone": is_passwordless(row)} for row in passkey_rows],
        "app": next((row for row in rows if row.type == TOTP), None),
        "codes": codes,
        "codes_left": left,
        "few_codes": left <= FEW_CODES,
        "has_factor": any(row.type in PROVING for row in rows),
        "has_password": person.has_usable_password(),
        "can_remove_password": person.has_usable_password() and any(map(is_passwordless, passkey_rows)),
        "is_required": factor_policy.is_required_of(person),
        "blocked": factor_policy.blocking_organizations(person),
    }
    return render(request, "mfa/index.html", context)


class _AddsFactor:
    """A view whose page leads to the recovery codes, if they were created with the factor."""

    request: HttpRequest

    def next_page(self, has_new_codes: bool) -> HttpResponse:
        keep_session(self.request)
        return redirect("mfa_view_recovery_codes" if has_new_codes else "mfa_index")


@method_decorator(never_cache, name="dispatch")
class AddApp(_AddsFactor, ActivateTOTPView):  # type: ignore[misc]  # allauth has no types
    """Set up an authenticator app."""

    def form_valid(self, form: AppForm) -> HttpResponse:
        has_new_codes = factor_actions.add_totp(_person(self.request), form.secret, by=actor_of(self.request))
        clear_totp_secret(self.request)
        messages.success(self.request, "Authenticator app added.")
        return self.next_page(has_new_codes)


@method_decorator(never_cache, name="dispatch")
class AddPasskey(_AddsFactor, AddWebAuthnView):  # type: ignore[misc]
    """Add a passkey or a security key."""

    def form_valid(self, form: PasskeyForm) -> HttpResponse:
        passkey = NewPasskey(
            name=form.cleaned_data["name"],
            credential=form.response.fields,
            sign_count=form.response.sign_count,
            is_passwordless=form.cleaned_data["passwordless"] and form.response.is_verified,
        )
        has_new_codes = factor_actions.add_passkey(_person(self.request), passkey, by=actor_of(self.request))
        messages.success(self.request, f"Passkey “{passkey.name}” added.")
        return self.next_page(has_new_codes)


class SignInWithPasskey(LoginWebAuthnView):  # type: ignore[misc]
    """Sign in with a passkey alone."""

    def get(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        """Return what the browser needs to ask for a passkey."""
        if not passkeys.are_available():
            raise Http404
        if request.headers.get("Accept") != "application/json":
            return redirect("account_login")
        response = JsonResponse({"request_options": ceremonies.begin_authentication(user=None)})
        response["Cache-Control"] = "no-store"
        return response

    def form_valid(self, form: PasskeyLoginForm) -> HttpResponse:
        try:
            form.note_use()
        except authority.AccountAltered:
            return refuse_altered(self.request, form.cleaned_data["credential"].user)
        return cast("HttpResponse", super().form_valid(form))


class PasskeyAgain(ReauthenticateWebAuthnView):  # type: ignore[misc]
    """Confirm who is signed in with a passkey."""

    def form_invalid(self, form: PasskeyAgainForm) -> HttpResponse:
        for text in form.errors.get("credential", []):
            messages.error(self.request, text)
        return redirect(self.request.get_full_path())

    def form_valid(self, form: PasskeyAgainForm) -> HttpResponse:
        form.note_use()
        return cast("HttpResponse", super().form_valid(form))


@login_required
def remove_app(request: HttpRequest) -> HttpResponse:
    """Remove the authenticator app, after a question."""
    return _remove(request, _own(request, TOTP), "the authenticator app")


@login_required
def remove_passkey(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove a passkey, after a question."""
    row = _own(request, PASSKEY, pk=pk)
    return _remove(request, row, f"the passkey “{row.data.get('name', '')}”")


@login_required
def rename_passkey(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a passkey another name."""
    row = _own(request, PASSKEY, pk=pk)
    form = PasskeyNameForm(request.POST or None, initial={"name": row.data.get("name", "")})
    if request.method == "POST" and form.is_valid():
        factor_actions.rename_passkey(_person(request), row.pk, form.cleaned_data["name"], by=actor_of(request))
        return redirect("mfa_index")
    return render(request, "mfa/webauthn/edit_form.html", {"form": form, "passkey": row})


@login_required
def generate_recovery_codes(request: HttpRequest) -> HttpResponse:
    """Create new recovery codes, after a question."""
    person = _person(request)
    if request.method != "POST":
        has_codes = any(row.type == RECOVERY_CODES for row in rows_of(person.pk))
        return render(request, "mfa/recovery_codes/generate.html", {"has_codes": has_codes})
    if not factor_actions.replace_recovery_codes(person, by=actor_of(request)):
        messages.error(request, "Add a passkey or an authenticator app first.")
        return redirect("mfa_index")
    return redirect("mfa_view_recovery_codes")


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def view_recovery_codes(request: HttpRequest) -> HttpResponse:
    """Show the recovery codes on POST, once. Opening the page changes nothing: browsers open pages by themselves, and a
    link on another site could."""
    person, codes = _person(request), list[str]()
    if request.method != "POST" and factor_actions.has_codes_to_show(person):
        return render(request, "mfa/recovery_codes/show.html")
    try:
        if request.method == "POST":
            codes = factor_actions.show_recovery_codes(person, by=actor_of(request))
    except AtRestBroken:
        messages.error(request, CODES_BROKEN)
        return redirect("mfa_index")
    if not codes:
        messages.info(request, CODES_SHOWN)
        return redirect("mfa_index")
    text = "\n".join(codes) + "\n"
    context = {"codes": codes, "codes_text": text, "download": f"data:text/plain;charset=utf-8,{quote(text)}"}
    return render(request, "mfa/recovery_codes/index.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def remove_password(request: HttpRequest) -> HttpResponse:
    """Remove one's password, after a question: passkeys sign in from then on."""
    if request.method == "POST":
        factor_actions.remove_password(_person(request), by=actor_of(request))
        keep_session(request)
        messages.success(request, "Password removed. You sign in with your passkeys.")
        return redirect("mfa_index")
    return render(request, "mfa/remove_password.html")


def list_passkeys(request: HttpRequest) -> HttpResponse:
    """Lead to the overview, which lists them."""
    return redirect("mfa_index")


def _remove(request: HttpRequest, row: Authenticator, name: str) -> HttpResponse:
    person = _person(request)
    if request.method == "POST":
        factor_actions.remove_factor(person, row.pk, by=actor_of(request))
        keep_session(request)
        messages.success(request, f"{name[0].upper()}{name[1:]} was removed.")
        return redirect("mfa_index")
    is_last = sum(other.type in PROVING for other in rows_of(person.pk)) == 1
    return render(request, "mfa/remove.html", {"name": name, "is_last": is_last, "row": row})


def _own(request: HttpRequest, kind: str, **which: int) -> Authenticator:
    row = Authenticator.objects.filter(user_id=request.user.pk, type=kind, **which).first()
    if row is None:
        raise Http404
    return row


def _person(request: HttpRequest) -> User:
    return cast("User", request.user)


# allauth asks for a fresh sign-in first, and stores that in a session for whoever comes.
add_app: FunctionView = login_required(AddApp.as_view())
add_passkey: FunctionView = login_required(AddPasskey.as_view())
sign_in_with_passkey: FunctionView = SignInWithPasskey.as_view()
passkey_again: FunctionView = PasskeyAgain.as_view()
