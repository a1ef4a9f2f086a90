"""Who needs a second factor: operators and support always, members where their organization requires it.

Without one, operators and support reach the pages that set one up, and nothing else. That is decided here for every
address at once: a page that is not listed is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from portal.accounts.factor_rows import is_protected
from portal.models import User

SET_UP = "mfa_index"
REACHED_WITHOUT = frozenset(
    {
        SET_UP,
        "mfa_activate_totp",
        "mfa_add_webauthn",
        "mfa_list_webauthn",
        "mfa_view_recovery_codes",
        "account_reauthenticate",
        "mfa_reauthenticate",
        "mfa_reauthenticate_webauthn",
        "account_continue",
        "account_login",
        "account_logout",
        "account_change_password",
        "account_set_password",
        "account_inactive",
        "account_reset_password",
        "account_reset_password_done",
        "account_reset_password_from_key",
        "account_reset_password_from_key_done",
        "sso:again",
        "sso:wait",
        "sso:callback",
        "sso:portal_callback",
        "sso:logout",
        "livez",
        "readyz",
        "metrics",
    }
)
"""What operators and support without a second factor reach, by URL name."""
NEEDED = "Set up two-factor authentication first. The rest of the portal opens then."


class SecondFactorMiddleware:
    """Leads operators and support without a second factor to the page that sets one up."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: tuple[object, ...], kwargs: dict[str, str]
    ) -> HttpResponse | None:
        """Respond in the place of a page that the person must not reach yet."""
        if not is_stopped(request):
            return None
        if getattr(request, "htmx", False):
            return HttpResponse(headers={"HX-Refresh": "true"})
        if request.method not in ("GET", "HEAD"):
            return HttpResponse(NEEDED, status=HTTPStatus.FORBIDDEN, content_type="text/plain; charset=utf-8")
        return redirect(SET_UP)


def is_stopped(request: HttpRequest) -> bool:
    """Whether this request is one of an operator or support without a second factor, to a page that needs one."""
    if settings.SESSION_COOKIE_NAME not in request.COOKIES or request.resolver_match is None:
        return False
    if request.resolver_match.view_name in REACHED_WITHOUT:
        return False
    user = request.user
    return isinstance(user, User) and is_required_of(user) and not is_protected(user.second_factors)


def is_required_of(person: User) -> bool:
    """Whether the person has rights for which the portal requires a second factor."""
    return person.is_staff or person.is_support or person.is_superuser


def blocking_organizations(person: User) -> list[str]:
    """Return the names of the organizations that require a second factor, now or soon, if the person has none."""
    rows = person.memberships.filter(organization__second_factor_required_from__isnull=False)
    return [] if is_protected(person.second_factors) else list(rows.values_list("organization__name", flat=True))
