"""The web zone's part of a sign-in: send the browser to the provider, take the code from it, redeem what a worker
verified.

The browser's session, which is encrypted with its cookie, has the state, the nonce and the PKCE verifier. The row has a
digest of the state. The code is sealed for workers, with the nonce and the verifier.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from urllib.parse import urlencode

from django.db.models.functions import Now
from django.http import HttpRequest

from portal.accounts.sign_in_limits import allow_sso
from portal.accounts.sso import providers
from portal.accounts.sso.clients import redirect_uri
from portal.accounts.sso.exchange import Claims, bound_to, read_claims
from portal.accounts.sso.problems import SignInFailed
from portal.accounts.sso.wakeups import wake_configure, wake_sign_in
from portal.models import SsoProvider, SsoSignIn
from registries.foundation.clock import database_now
from registries.secrets import one_time, sign_in_seal
from registries.secrets.at_rest import AtRestBroken
from registries.secrets.one_time import Purpose
from registries.secrets.sign_in_seal import Sealed

SESSION_KEY = "sso_sign_ins"
MAX_PENDING = 5
LASTS = timedelta(minutes=10)
STATE_PREFIX = "drs_"
MAX_CODE_LENGTH = 4096
SCOPES = "openid email"
MAX_AGE_SECONDS = 15 * 60
"""How old the sign-in at the provider may be where a fresh one is needed."""
Status = SsoSignIn.Status


class Kind(StrEnum):
    """What a sign-in is for: signing in, proving again who it is, or seeing whether it works."""

    SIGN_IN = "sign_in"
    AGAIN = "again"
    CHECK = "check"


@dataclass(frozen=True)
class Pending:
    """What the browser's session has of a sign-in. The secrets are empty once the provider has answered. `provider` is
    the id of the one with which it began: the row could be moved to another in the database."""

    provider: str
    kind: str
    next: str
    state: str = ""
    nonce: str = ""
    verifier: str = ""


def start(request: HttpRequest, provider: SsoProvider, *, kind: Kind = Kind.SIGN_IN, next_url: str = "") -> SsoSignIn:
    """Begin a sign-in in this browser; return its row. A worker is woken if the provider's addresses are not known or
    old. Raises TooManyAttempts."""
    allow_sso(request)
    state = one_time.new(STATE_PREFIX)
    row = SsoSignIn.objects.create(
        provider=provider,
        state_hash=one_time.digest_of(state, Purpose.SSO_STATE),
        expires_at=Now() + LASTS,
    )
    pending = Pending(str(provider.pk), kind, next_url, state, secrets.token_urlsafe(32), secrets.token_urlsafe(48))
    kept: dict[str, object] = request.session.get(SESSION_KEY, {})
    newest = dict(list(kept.items())[-(MAX_PENDING - 1) :])
    request.session[SESSION_KEY] = newest | {str(row.pk): asdict(pending)}
    is_old = provider.checked_at is None or database_now() - provider.checked_at > providers.CONFIGURATION_LASTS
    if is_old or provider.problem or providers.authorization_of(provider) is None:
        wake_configure(provider.pk)
    return row


def pending_of(request: HttpRequest, row: SsoSignIn) -> Pending | None:
    """Return what this browser's session has of a sign-in; None if it began in another one, or with another provider
    than the row says."""
    found = request.session.get(SESSION_KEY, {}).get(str(row.pk))
    return Pending(**found) if found and found.get("provider") == str(row.provider_id) else None


def forget(request: HttpRequest, row: SsoSignIn) -> None:
    """Remove a sign-in that has ended from the browser's session."""
    kept = dict(request.session.get(SESSION_KEY, {}))
    if kept.pop(str(row.pk), None) is not None:
        request.session[SESSION_KEY] = kept


def authorization_url(provider: SsoProvider, pending: Pending) -> str | None:
    """Return the address at the provider where the person signs in; None while no worker has read it."""
    found = providers.authorization_of(provider)
    if found is None or not pending.state:
        return None
    challenge = base64.urlsafe_b64encode(hashlib.sha256(pending.verifier.encode()).digest()).decode().rstrip("=")
    query = {
        "response_type": "code",
        "response_mode": "query",
        "client_id": provider.client_id,
        "redirect_uri": redirect_uri(provider),
        "scope": f"{SCOPES} offline_access" if provider.organization_id is not None else SCOPES,
        "state": pending.state,
        "nonce": pending.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    if pending.kind == Kind.AGAIN:
        query |= {"max_age": "0"}
    return f"{found[0]}{'&' if '?' in found[0] else '?'}{urlencode(query)}"


def receive(request: HttpRequest, provider: SsoProvider, answer: Mapping[str, str]) -> SsoSignIn:
    """Take the provider's answer from the browser, once; return the sign-in, for which a worker was woken. Raises
    SignInFailed if it began in another browser or with another provider, has ended, or was used."""
    state = answer.get("state", "")
    row = _find(request, provider, state)
    pending = pending_of(request, row)
    if pending is None:
        raise SignInFailed("sso_state")
    # From now on the state, nonce and verifier are gone: the same answer is refused.
    kept = dict(request.session[SESSION_KEY])
    answered = Pending(pending.provider, pending.kind, pending.next)
    request.session[SESSION_KEY] = kept | {str(row.pk): asdict(answered)}
    started = SsoSignIn.objects.in_time().filter(pk=row.pk, status=Status.STARTED)
    problem = _problem_of(provider, answer)
    if problem:
        if not started.update(status=Status.REFUSED, problem=problem):
            raise SignInFailed("sso_expired")
        return row
    values = {"code": answer["code"], "verifier": pending.verifier, "nonce": pending.nonce}
    sealed = sign_in_seal.seal(values, Sealed.CODE, bound_to(row))
    if not started.update(status=Status.EXCHANGING, sealed=sealed):
        raise SignInFailed("sso_expired")
    wake_sign_in(row.pk)
    return row


def redeem(row: SsoSignIn) -> tuple[Claims, bytes | None]:
    """Take the verified claims and the sealed refresh token of a sign-in, once. In the transaction that uses them.
    Raises SignInFailed."""
    found = SsoSignIn.objects.in_time().select_for_update().filter(pk=row.pk, status=Status.VERIFIED).first()
    if found is None:
        raise SignInFailed("sso_expired")
    claims = claims_of(found)
    refresh = None if found.refresh is None else bytes(found.refresh)
    SsoSignIn.objects.filter(pk=row.pk).update(status=Status.REDEEMED, result=None, refresh=None)
    return claims, refresh


def claims_of(row: SsoSignIn) -> Claims:
    """Return the verified claims of a sign-in without redeeming it. Raises SignInFailed if the row was changed, or the
    worker verified them longer ago than a sign-in lasts."""
    try:
        claims = read_claims(row)
    except AtRestBroken:
        raise SignInFailed("sso_state") from None
    if abs(database_now().timestamp() - claims.at) > LASTS.total_seconds():
        raise SignInFailed("sso_expired")
    return claims


def refuse(row: SsoSignIn, code: str) -> None:
    """Note why a sign-in that a worker has verified is refused."""
    rows = SsoSignIn.objects.filter(pk=row.pk).exclude(status=Status.REDEEMED)
    rows.update(status=Status.REFUSED, problem=code, result=None, refresh=None)


def _find(request: HttpRequest, provider: SsoProvider, state: str) -> SsoSignIn:
    if not one_time.has_form(state, STATE_PREFIX):
        raise SignInFailed("sso_state")
    digest = one_time.digest_of(state, Purpose.SSO_STATE)
    row = SsoSignIn.objects.filter(state_hash=digest, provider=provider).first()
    pending = None if row is None else pending_of(request, row)
    if row is None or pending is None or not secrets.compare_digest(pending.state, state):
        raise SignInFailed("sso_state")
    return row


def _problem_of(provider: SsoProvider, answer: Mapping[str, str]) -> str:
    """The code of what is wrong with an answer; empty if nothing is."""
    found = providers.authorization_of(provider)
    if found is None:
        return "sso_settings_altered"
    issuer = answer.get("iss")
    if (issuer is None and found[1]) or (issuer is not None and issuer != provider.issuer):
        return "sso_other_issuer"
    if "error" in answer:
        return "sso_denied"
    return "" if 0 < len(answer.get("code", "")) <= MAX_CODE_LENGTH else "sso_answer_invalid"
