"""What is limited of signing in, and what is counted together. See decision 21.

A password that a stranger guesses slows down further guesses and closes nothing: the person signs in at once with a
browser that has signed in to the account before, and with any other one in half a minute at most, or after setting a
new password by email. What is typed decides what is counted, never whether there is such an account, so an unknown
address is limited like any other.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from django.db.models.functions import Now
from django.http import HttpRequest

from portal.accounts import known_browser
from portal.accounts.attempt_counters import Counter, Rate, Spent, spend
from portal.http.client_address import share_of
from portal.models import SignInLimit, User
from portal.models.user import canonical_email
from registries.foundation.ids import OrganizationId
from registries.foundation.requests import client_address

Kind = SignInLimit.Kind
MAX_EMAIL: int = User._meta.get_field("email").max_length or 0
MINUTE, HOUR = 60, 3600
ALARM = 50
"""Failed sign-ins with addresses of one mail domain within ten minutes after which each account of it, and each client
that tries one, has one free attempt."""
UNKNOWN_BROWSERS = 7
"""Second factors of an account in a minute from browsers that have not signed in to it before. The rest of the 10 is
for those that have, so that a thief of the password doesn't keep the person out."""
IN_ONE_SESSION = MappingProxyType({SignInLimit.Kind.PASSWORD_AGAIN: 10, SignInLimit.Kind.SECOND_FACTOR: 5})
"""Of the attempts of an account in a minute to confirm who it is, those from one session. The rest is for the person's
other browsers, so that whoever has copied a session doesn't keep them from confirming."""
TOO_MANY_MAILS = "Too many emails"
EARLIER_LINK = "Several emails were asked for already. If one has come, its link still works."

RATES: Mapping[SignInLimit.Kind, Rate] = MappingProxyType(
    {
        Kind.ACCOUNT: Rate(free=5, first=1, bound=30, forget=15 * MINUTE),
        Kind.ACCOUNT_AT_ADDRESS: Rate(free=5, first=1, bound=2 * MINUTE, forget=15 * MINUTE),
        Kind.ADDRESS: Rate(free=20, first=1, bound=5, forget=10 * MINUTE),
        Kind.DOMAIN: Rate(free=ALARM, first=0, bound=0, forget=10 * MINUTE, from_first=True),
        Kind.BROWSER: Rate(free=5, first=1, bound=30, forget=15 * MINUTE),
        Kind.PASSWORD_AGAIN: Rate(free=30, first=MINUTE, bound=MINUTE, forget=MINUTE),
        Kind.SECOND_FACTOR: Rate(free=10, first=MINUTE, bound=MINUTE, forget=MINUTE),
        Kind.PASSKEY: Rate(free=20, first=1, bound=5, forget=10 * MINUTE),
        Kind.VISITOR: Rate(free=120, first=1, bound=5, forget=10 * MINUTE),
        Kind.SSO: Rate(free=30, first=1, bound=10, forget=10 * MINUTE),
        Kind.SSO_LOGOUT: Rate(free=120, first=1, bound=5, forget=10 * MINUTE),
        Kind.RESET_TO: Rate(free=3, first=MINUTE, bound=15 * MINUTE, forget=HOUR),
        Kind.RESET_FROM: Rate(free=20, first=5, bound=MINUTE, forget=HOUR),
        Kind.MAIL_OF: Rate(free=5, first=MINUTE, bound=15 * MINUTE, forget=HOUR),
        Kind.INVITATION_TO: Rate(free=3, first=MINUTE, bound=15 * MINUTE, forget=HOUR),
        Kind.INVITATION_BY: Rate(free=60, first=10, bound=2 * MINUTE, forget=HOUR),
        Kind.INVITATION_FROM: Rate(free=100, first=5, bound=MINUTE, forget=HOUR),
        Kind.INVITATION_OF: Rate(free=100, first=10, bound=2 * MINUTE, forget=HOUR),
    }
)
"""Where all wait `bound` seconds, the limit is strict: attempts are counted together until that time has passed without
one, so in any minute there are at most 10."""


def typed_email(text: str) -> str:
    """Return an email address that was typed, as it is counted: the same for all ways to write it that find the same
    account. PostgreSQL and allauth take `ſ` for an s, among others."""
    return canonical_email(unicodedata.normalize("NFKC", text.replace("\0", "")).casefold())[:MAX_EMAIL]


def allow_password(request: HttpRequest, typed: str) -> Spent:
    """Count an attempt to sign in with this address, before its password is checked. Raises TooManyAttempts."""
    email, share = typed_email(typed), share_of(client_address(request))
    if (browser := known_browser.browser_of(request, email)) is not None:
        return spend([_counter(Kind.BROWSER, f"{browser} {email}", email)])
    domain = email.rpartition("@")[2]
    counters = [_counter(Kind.ACCOUNT, email, email), replace(_counter(Kind.DOMAIN, domain, domain), alarm=ALARM)]
    if share:
        counters.append(_counter(Kind.ACCOUNT_AT_ADDRESS, f"{share} {email}", f"{email} from {share}"))
        counters.append(_counter(Kind.ADDRESS, share, share))
    return spend(counters)


def allow_password_again(request: HttpRequest, person: User) -> Spent:
    """Count an attempt of somebody who is signed in to confirm their password, by account and by session. Raises
    TooManyAttempts."""
    counter = _counter(Kind.PASSWORD_AGAIN, str(person.pk), person.email)
    return spend([counter, _in_session(counter, request)])


def allow_second_factor(request: HttpRequest, person: User) -> Spent:
    """Count an attempt with a second factor of this account: a code, a recovery code or a passkey, to sign in or to
    confirm it, whatever the address and the session. To confirm, one session has fewer. Raises TooManyAttempts."""
    counter = _counter(Kind.SECOND_FACTOR, str(person.pk), person.email)
    if known_browser.browser_of(request, person.email) is None:
        counter = replace(counter, rate=replace(counter.rate, free=UNKNOWN_BROWSERS))
    return spend([counter, *([_in_session(counter, request)] if request.user.is_authenticated else [])])


def allow_passkey(request: HttpRequest) -> Spent:
    """Count an attempt to sign in with a passkey alone, which names its account itself. Raises TooManyAttempts."""
    share = share_of(client_address(request))
    return spend([_counter(Kind.PASSKEY, share, share)])


def allow_visitor(request: HttpRequest) -> Spent:
    """Count a page that stores a session for somebody who has none and may be anybody. Raises TooManyAttempts."""
    if request.session.keys():  # it is there, and not just a cookie
        return Spent.nothing()
    counters = _of_address(Kind.VISITOR, share_of(client_address(request)))
    return spend(counters, title="Too many visits", message="Many visits came from this address.")


def allow_sso(request: HttpRequest) -> Spent:
    """Count the beginning of a sign-in with a provider, which stores a row and wakes a worker. Raises
    TooManyAttempts."""
    return spend(_of_address(Kind.SSO, share_of(client_address(request))))


def allow_sso_logout(request: HttpRequest) -> Spent:
    """Count a logout token of a provider, which stores a row and wakes a worker. Raises TooManyAttempts."""
    counters = _of_address(Kind.SSO_LOGOUT, share_of(client_address(request)))
    return spend(counters, title="Too many logout tokens", message="Many logout tokens came from this address.")


def allow_account_mail(request: HttpRequest, person: User, typed: str = "") -> Spent:
    """Count a mail with a link for this account, asked for by the person, to this address, or by an operator. An
    operator's is not counted by the address, to which strangers can ask for mails too. Raises TooManyAttempts."""
    email, share = typed_email(typed), share_of(client_address(request))
    counters = [_counter(Kind.MAIL_OF, str(person.pk), person.email), *_of_address(Kind.RESET_FROM, share)]
    if email:
        counters.append(_counter(Kind.RESET_TO, email, email))
    return spend(counters, title=TOO_MANY_MAILS, message=EARLIER_LINK)


def allow_reset_mail(request: HttpRequest, typed: str) -> Spent:
    """Count a mail with a link that sets a password, asked for with this address, whether or not there is such an
    account. Raises TooManyAttempts."""
    email, share = typed_email(typed), share_of(client_address(request))
    counters = [_counter(Kind.RESET_TO, email, email), *_of_address(Kind.RESET_FROM, share)]
    return spend(counters, title=TOO_MANY_MAILS, message=EARLIER_LINK)


def allow_invitation(
    request: HttpRequest, typed: str, *, person: User, organization_id: OrganizationId, organization: str
) -> Spent:
    """Count an invitation of an organization by this person to this address. Raises TooManyAttempts."""
    email, share = typed_email(typed), share_of(client_address(request))
    counters = [
        _counter(Kind.INVITATION_TO, email, email),
        _counter(Kind.INVITATION_BY, str(person.pk), person.email),
        *_of_address(Kind.INVITATION_FROM, share),
        _counter(Kind.INVITATION_OF, str(organization_id), organization),
    ]
    return spend(counters, title="Too many invitations", message="Many invitations were sent already.")


def alarmed_domains() -> list[SignInLimit]:
    """Return the counters of mail domains with `ALARM` failed sign-ins or more now, ten at most, the most first."""
    alarmed = SignInLimit.objects.filter(kind=Kind.DOMAIN, count__gte=ALARM, expires_at__gt=Now())
    return list(alarmed.order_by("-count")[:10])


def _of_address(kind: SignInLimit.Kind, share: str) -> list[Counter]:
    """The counter of a client's address; none behind a Unix socket, where all have the same."""
    return [_counter(kind, share, share)] if share else []


def _in_session(counter: Counter, request: HttpRequest) -> Counter:
    """The counter of the same attempts from this session alone."""
    rate = replace(counter.rate, free=IN_ONE_SESSION[counter.kind])
    text = f"{counter.text} {request.session.session_key}"
    return replace(counter, text=text, rate=rate, shown=f"{counter.shown} in one session")


def _counter(kind: SignInLimit.Kind, text: str, shown: str) -> Counter:
    return Counter(kind, text, RATES[kind], shown)
