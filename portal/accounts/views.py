"""Account pages that differ from allauth's and Django's: people can't manage addresses, a password is reset by email
only if the portal sends or prints email, and changes of an account are recorded in the same transaction. Where
allauth's adapter has a method for a change, `portal.accounts.adapters` records it instead."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeAlias, cast

from allauth.account.authentication import get_authentication_records
from allauth.account.views import password_change, password_reset
from allauth.mfa.base import views as factor_views
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from portal.accounts.factor_forms import CodeForm
from portal.accounts.factor_rows import PASSKEY, TOTP, kinds_in
from portal.audit import refused_sign_ins
from portal.audit.sign_ins import RECOVERY_CODES, record_for_person
from portal.http.actors import actor_of, actor_of_person
from portal.mail import sending
from portal.models import RefusedSignIn, User

CODE_OF_APP = "From your authenticator app, or a recovery code."
CODE_OF_RECOVERY = "One of your recovery codes."

P = ParamSpec("P")
View: TypeAlias = Callable[Concatenate[HttpRequest, P], HttpResponse]


def no_such_page(request: HttpRequest, key: str = "") -> HttpResponse:
    """Respond 404 instead of allauth's pages of addresses. Operators manage addresses; an unverified one would block
    two-factor sign-in, and the links that verify one are signed with the secret key alone."""
    raise Http404


def reset_password(request: HttpRequest, **kwargs: object) -> HttpResponse:
    """Send the link that sets a new password. Without a mail server, say who can set one."""
    if not sending.is_configured():
        return render(request, "account/reset_closed.html", {"support_email": settings.PORTAL_SUPPORT_EMAIL})
    if settings.PORTAL_PRINTS_MAIL and request.method == "POST":
        messages.info(request, "This portal has no mail server: the email is printed on its console.")
    response: HttpResponse = password_reset(request, **kwargs)
    return response


def asks_for_second_factor(view: View[P]) -> View[P]:
    """Decorate a page of allauth's that asks for the code of a second factor: note a wrong code, and record a recovery
    code that was used. During sign-in the adapter records the latter."""

    @wraps(view)
    def recorded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if request.method != "POST":
            return view(request, *args, **kwargs)
        person = _signed_in(request)
        with transaction.atomic():
            before = get_authentication_records(request, person)
            response = view(request, *args, **kwargs)
            proofs = get_authentication_records(request, person)
            if proofs != before:
                if person is not None and proofs[-1].get("type") == RECOVERY_CODES:
                    record_for_person(person, "account.recovery_code_used", by=actor_of(request))
            else:
                _note_wrong_factor(request, response)
        return response

    return recorded


def asks_for_password(view: View[P]) -> View[P]:
    """Decorate allauth's page that changes one's own password: note a wrong current password as a refused
    sign-in. The adapter records the change."""

    @wraps(view)
    def recorded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        response = view(request, *args, **kwargs)
        _note_wrong_password(request, response, "oldpassword", "enter_current_password")
        return response

    return recorded


def signs_out(view: View[P]) -> View[P]:
    """Decorate a page of Django's admin that signs out: record that it did."""

    @wraps(view)
    def recorded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        person = _signed_in(request)
        with transaction.atomic():
            response = view(request, *args, **kwargs)
            if person is not None and not request.user.is_authenticated:
                record_for_person(person, "account.signed_out", by=actor_of_person(request, person))
        return response

    return recorded


class SecondStep(factor_views.AuthenticateView):  # type: ignore[misc]  # allauth has no types
    """The second step of signing in, with the ways that this person has."""

    def get_context_data(self, **kwargs: object) -> dict[str, object]:
        kinds = kinds_in(self.stage.login.user.second_factors)
        context: dict[str, object] = super().get_context_data(**kwargs)
        code = cast("CodeForm", context["form"]).fields["code"]
        code.help_text = CODE_OF_APP if TOTP in kinds else CODE_OF_RECOVERY
        if PASSKEY in kinds:
            code.widget.attrs.pop("autofocus", None)
        return {**context, "has_passkey": PASSKEY in kinds}


authenticate = asks_for_second_factor(SecondStep.as_view())
reauthenticate = asks_for_second_factor(factor_views.reauthenticate)
change_password = asks_for_password(password_change)


def _note_wrong_factor(request: HttpRequest, response: HttpResponse) -> None:
    """Note a refused sign-in if a form is shown again because of a wrong code or passkey."""
    context = getattr(response, "context_data", None) or {}
    for name, field, codes in (
        ("form", "code", ("incorrect_code",)),
        ("webauthn_form", "credential", ("incorrect_code", "passkey_invalid", "passkey_copied")),
    ):
        form = context.get(name)
        if form is not None and any(form.has_error(field, code) for code in codes):
            refused_sign_ins.note(form.user.email, RefusedSignIn.Reason.SECOND_FACTOR, by=actor_of(request))


def _note_wrong_password(request: HttpRequest, response: HttpResponse, field: str, code: str) -> None:
    """Note a refused sign-in if the form that is shown again has this error at its field."""
    form = (getattr(response, "context_data", None) or {}).get("form")
    if form is not None and form.has_error(field, code):
        refused_sign_ins.note(form.user.email, RefusedSignIn.Reason.PASSWORD, by=actor_of_person(request, form.user))


def _signed_in(request: HttpRequest) -> User | None:
    """The signed-in person as a row of its own: a view may change `request.user`."""
    return User.objects.filter(pk=request.user.pk).first() if request.user.is_authenticated else None
