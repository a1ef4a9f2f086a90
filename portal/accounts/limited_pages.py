"""Pages that take a code, a passkey or one's password, or that send a mail: their attempts are counted before the page
sees them, so in no transaction of its own. Passwords at sign-in are counted by the adapter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType

from allauth.account.authentication import get_authentication_records
from allauth.account.internal.stagekit import unstash_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from portal.accounts import sign_in_limits
from portal.accounts.attempt_counters import Spent, TooManyAttempts, refund
from portal.models import User
from registries.foundation.ids import UserId

Count = Callable[[HttpRequest], Spent | None]
_COUNTED = "_counted_attempt"


def _second_factor(request: HttpRequest) -> Spent | None:
    person = _person_of(request)
    return sign_in_limits.allow_second_factor(request, person) if person is not None else None


def _password_again(request: HttpRequest) -> Spent | None:
    user = request.user
    return sign_in_limits.allow_password_again(request, user) if isinstance(user, User) else None


def _passkey(request: HttpRequest) -> Spent | None:
    return sign_in_limits.allow_passkey(request)


def _visitor(request: HttpRequest) -> Spent | None:
    sign_in_limits.allow_visitor(request)
    return None


def _reset_mail(request: HttpRequest) -> Spent | None:
    return sign_in_limits.allow_reset_mail(request, request.POST.get("email", ""))


def _new_address(request: HttpRequest) -> Spent | None:
    user = request.user
    if not isinstance(user, User):
        return None
    return sign_in_limits.allow_account_mail(request, user, request.POST.get("email", ""))


def _proof_mail(request: HttpRequest) -> Spent | None:
    user = request.user
    if not isinstance(user, User) or user.address_proof:
        return None
    return sign_in_limits.allow_account_mail(request, user, user.email)


def _operators_link(request: HttpRequest) -> Spent | None:
    key = str(request.resolver_match.kwargs.get("id", "")) if request.resolver_match else ""
    user = request.user
    if not isinstance(user, User) or not user.is_staff or not key.isascii() or not key.isdigit():
        return None
    person = User.objects.filter(pk=UserId(int(key[:18]))).first()
    return sign_in_limits.allow_account_mail(request, person) if person is not None else None


def _invitation(request: HttpRequest) -> Spent | None:
    access, user = getattr(request, "access", None), request.user
    if access is None or not isinstance(user, User):
        return None
    organization = str(request.resolver_match.kwargs["org"]) if request.resolver_match else ""
    return sign_in_limits.allow_invitation(
        request,
        request.POST.get("email", ""),
        person=user,
        organization_id=access.organization_id,
        organization=organization,
    )


GUESSES: Mapping[str, Count] = MappingProxyType(
    {
        "mfa_authenticate": _second_factor,
        "mfa_reauthenticate": _second_factor,
        "mfa_reauthenticate_webauthn": _second_factor,
        "mfa_login_webauthn": _passkey,
        "account_change_password": _password_again,
    }
)
"""Pages by name where somebody proves who they are. A proof that is accepted is not counted."""
MAILS: Mapping[str, Count] = MappingProxyType(
    {
        "account_reset_password": _reset_mail,
        "account_address": _new_address,
        "account_prove_address": _proof_mail,
        "admin:portal_user_link": _operators_link,
        "portal:invite": _invitation,
    }
)
"""Pages that send a mail. One that sends none is not counted."""

VISITS: Mapping[str, Count] = MappingProxyType(
    {
        "mfa_login_webauthn": _visitor,
        "account_address_link": _visitor,
    }
)
"""Pages that keep something in a session for whoever opens them, signed in or not. Each such session is counted."""


class LimitedPagesMiddleware:
    """Counts what is posted to these pages and who opens some, and refuses what is too much with 429."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        counted: tuple[Spent, bool, list[object]] | None = getattr(request, _COUNTED, None)
        if counted is not None:
            spent, is_mail, proofs = counted
            is_done = response.status_code == HTTPStatus.FOUND
            if not is_done if is_mail else _has_proved(request, proofs, is_done):
                refund(spent)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: tuple[object, ...], kwargs: dict[str, str]
    ) -> HttpResponse | None:
        """Count the attempt, or respond that it is too much."""
        name = request.resolver_match.view_name if request.resolver_match else ""
        is_post = request.method == "POST"
        count = GUESSES.get(name) or MAILS.get(name) if is_post else VISITS.get(name)
        if count is None:
            return None
        try:
            spent = count(request)
        except TooManyAttempts as refusal:
            response = render(request, "refused.html", {"refusal": refusal}, status=refusal.status)
            response["Retry-After"] = str(refusal.retry_after)
            return response
        if spent is not None:
            setattr(request, _COUNTED, (spent, name in MAILS, _proofs(request) if name in GUESSES else []))
        return None


def _has_proved(request: HttpRequest, proofs: list[object], is_done: bool) -> bool:
    """Whether the page accepted the proof: allauth notes it in the session. A change of the password is none; it is
    done if the page leads on."""
    name = request.resolver_match.view_name if request.resolver_match else ""
    return is_done if GUESSES.get(name) is _password_again else _proofs(request) != proofs


def _proofs(request: HttpRequest) -> list[object]:
    person = _person_of(request)
    return list(get_authentication_records(request, person)) if person is not None else []


def _person_of(request: HttpRequest) -> User | None:
    """Who is signed in, or whose password was just accepted."""
    if isinstance(request.user, User):
        return request.user
    login = unstash_login(request, peek=True)
    return login.user if login is not None else None
