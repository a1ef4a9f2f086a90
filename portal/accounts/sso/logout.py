"""OpenID Connect Back-Channel Logout 1.0: the provider posts a logout token, and a worker verifies it.

The web zone only looks at what the token says: its issuer, audience, form and time, and whether it names an identity
that is linked. Then it stores it encrypted. Nothing ends before a worker has verified it with the provider's keys.

Anybody can post there. So that nobody keeps the provider's own tokens out, few may wait for one identity, and each
address may post a limited number; the limit of a provider is above what one address can reach.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from portal.accounts.sso import identities
from portal.accounts.sso.clients import Client, client_of, is_as_left
from portal.accounts.sso.discovery import read_configuration
from portal.accounts.sso.id_token import check_common, has_known_algorithm, unverified_claims, verify_signed
from portal.accounts.sso.problems import SignInFailed
from portal.accounts.sso.provider_connection import ProviderConnection
from portal.accounts.sso.wakeups import wake_sign_out
from portal.audit.sign_ins import record_for_person
from portal.models import LinkedIdentity, ProviderLogout, SsoProvider
from registries.foundation.actor import PORTAL, Actor
from registries.foundation.clock import database_now
from registries.foundation.ids import ProviderLogoutId
from registries.secrets import at_rest, one_time
from registries.secrets.at_rest import AtRestBroken
from registries.secrets.one_time import Purpose

EVENT = "http://schemas.openid.net/event/backchannel-logout"
MAX_WAITING = 1000
"""How many logout tokens of one provider may wait for a worker."""
MAX_WAITING_FOR_ONE = 3
"""How many that no worker has looked at may wait and name the same identity. Who fills them knows a subject or session
id of the provider's."""
MAX_AGE = timedelta(minutes=15)
"""A token without an end is accepted for this long after it was issued, and waits no longer for its provider."""
KEPT = timedelta(days=2)
MAX_WOKEN = 100

log = structlog.get_logger(__name__)


class KeysUnread(SignInFailed):
    """The provider's keys could not be read, which says nothing of a token."""


def receive(provider: SsoProvider, token: str) -> bool:
    """Store a logout token and wake a worker, if it names an identity that is linked. Returns False if it says that it
    is no logout token of this provider for this client, or if too many wait."""
    try:
        claims = unverified_claims(token)
        check_common(claims, issuer=provider.issuer, client_id=provider.client_id, now=database_now())
        _check_form(claims, database_now())
    except SignInFailed:
        return False
    if not has_known_algorithm(token) or not is_as_left(provider):
        return False
    if not _named(provider, claims).exists():
        return True  # nothing to end, and nobody learns who is linked
    named = _digest_of_named(claims)
    with transaction.atomic():
        waiting = ProviderLogout.objects.filter(provider=provider, ended_at__isnull=True)
        # Those that no worker has looked at: what waits for the provider's keys keeps nothing out.
        if waiting.filter(named=named, problem="").count() >= MAX_WAITING_FOR_ONE:
            return True  # they are about the same person
        if waiting.count() >= MAX_WAITING:
            return False
        row = ProviderLogout(provider=provider, named=named)
        row.token = at_rest.encrypt(token.encode(), bound_to=_bound_to(row))
        row.save(force_insert=True)
        wake_sign_out(row.pk)
    return True


def verify(logout_id: ProviderLogoutId) -> bool:
    """Verify a logout token and end the sessions of the identity that it names; worker zone only. Returns whether it
    ended any. A token is kept while the provider's keys can't be read: the provider was answered that it counts."""
    waiting = ProviderLogout.objects.filter(pk=logout_id, ended_at__isnull=True)
    row = waiting.select_related("provider").first()
    if row is None:
        return False
    try:
        return _use(row, _verified(row))
    except KeysUnread as failure:
        log.warning("sso_logout_waits", provider=str(row.provider_id), code=failure.code)
        waiting.update(problem=failure.code)
        return False
    except SignInFailed as failure:
        log.warning("sso_logout_refused", provider=str(row.provider_id), code=failure.code)
        waiting.update(ended_at=Now(), token=None, problem=failure.code)
        return False


def end_sessions(identity: LinkedIdentity, *, by: Actor) -> bool:
    """End the sessions that began with an identity, because its provider signed the person out. Returns whether the
    identity existed and only the portal has changed it."""
    with transaction.atomic():
        found = LinkedIdentity.objects.select_for_update(of=("self",)).select_related("provider", "person")
        row = found.filter(pk=identity.pk).first()
        if row is None or not identities.end_identity_sessions(row):
            return False
        record_for_person(row.person, "account.signed_out_by_provider", by=by)
    return True


def sweep() -> int:
    """Give up tokens that have waited for `MAX_AGE`, and delete old rows. Returns how many were deleted."""
    over = ProviderLogout.objects.filter(ended_at__isnull=True, received_at__lt=Now() - MAX_AGE)
    over.filter(problem="").update(problem="sso_busy")
    over.update(ended_at=Now(), token=None)
    return ProviderLogout.objects.filter(received_at__lt=Now() - KEPT).delete()[0]


def wake_again() -> int:
    """Wake workers for tokens whose wake-up was lost, or whose provider could not be asked. Returns for how many."""
    rows = ProviderLogout.objects.filter(ended_at__isnull=True, received_at__lt=Now() - timedelta(seconds=30))
    due = list(rows.order_by("received_at").values_list("pk", flat=True)[:MAX_WOKEN])
    for logout_id in due:
        wake_sign_out(logout_id)
    return len(due)


def _read_keys(client: Client) -> dict[str, object]:
    """The provider's key set. Raises KeysUnread."""
    try:
        with ProviderConnection(client.issuer) as connection:
            configuration = read_configuration(connection, client.issuer)
            status, keys = connection.get(configuration.jwks)
    except SignInFailed as failure:
        raise KeysUnread(failure.code) from None
    if status != 200:
        raise KeysUnread("sso_answer_invalid")
    return keys


def _verified(row: ProviderLogout) -> dict[str, object]:
    """The claims of a logout token. Raises SignInFailed."""
    client = client_of(row.provider)
    keys = _read_keys(client)
    try:
        token = at_rest.decrypt(row.token or b"", bound_to=_bound_to(row)).decode()
    except AtRestBroken:
        raise SignInFailed("sso_logout_token") from None
    claims, now = verify_signed(token, keys), database_now()
    check_common(claims, issuer=client.issuer, client_id=client.client_id, now=now)
    _check_form(claims, now)
    return claims


def _use(row: ProviderLogout, claims: dict[str, object]) -> bool:
    """Use a verified token, once: end the sessions. Returns whether there were any. Raises SignInFailed if it was used
    in another row."""
    jti = one_time.digest_of(f"{row.provider_id} {claims['jti']}", Purpose.LOGOUT_TOKEN)
    waiting = ProviderLogout.objects.filter(pk=row.pk, ended_at__isnull=True)
    with transaction.atomic():
        try:
            with transaction.atomic():
                is_first = waiting.update(ended_at=Now(), token=None, problem="", jti_hash=jti)
        except IntegrityError:
            raise SignInFailed("sso_logout_token") from None
        if not is_first:  # another worker was faster
            return False
        ended = [end_sessions(identity, by=PORTAL) for identity in list(_named(row.provider, claims).order_by("pk"))]
    return any(ended)


def _check_form(claims: dict[str, object], now: datetime) -> None:
    """Check what makes a token a logout token of now. Raises SignInFailed."""
    events, jti, issued = claims.get("events"), claims.get("jti"), claims["iat"]
    is_event = isinstance(events, dict) and isinstance(events.get(EVENT), dict)
    names_one = any(isinstance(claims.get(name), str) and claims[name] for name in ("sub", "sid"))
    # With a nonce it would be an ID token, which the provider makes for everybody who signs in.
    is_token = is_event and names_one and isinstance(jti, str) and 0 < len(jti) <= 255 and "nonce" not in claims
    is_recent = isinstance(issued, int | float) and now.timestamp() - issued < MAX_AGE.total_seconds()
    if not is_token or not is_recent:
        raise SignInFailed("sso_logout_token")


def _named(provider: SsoProvider, claims: dict[str, object]) -> QuerySet[LinkedIdentity]:
    """The linked identities that a token names, by subject or session."""
    if isinstance(claims.get("sub"), str):
        return LinkedIdentity.objects.filter(provider=provider, subject=claims["sub"])
    return identities.with_session(provider, str(claims["sid"]))


def _digest_of_named(claims: dict[str, object]) -> str:
    """A digest of whom a token names, by subject or session."""
    subject = claims.get("sub")
    return identities.sid_hash(f"sub {subject}" if isinstance(subject, str) else f"sid {claims['sid']}")


def _bound_to(row: ProviderLogout) -> str:
    return f"logout token {row.pk} of provider {row.provider_id}"
