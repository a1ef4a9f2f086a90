"""Linked identities: their mark, and functions on their rows."""

from __future__ import annotations

import hashlib

from django.db.models import QuerySet
from django.db.models.functions import Now

from portal.accounts.sso.exchange import Claims
from portal.models import LinkedIdentity, ProviderSession, SsoProvider, User
from registries.secrets import sso_marks
from registries.secrets.sso_marks import Marked

MAX_SIDS = 20


def is_as_left(identity: LinkedIdentity) -> bool:
    """Whether only the portal has changed whose identity this is. The provider has to be selected with it."""
    return sso_marks.is_marked(identity.mark, Marked.IDENTITY, *_columns(identity))


def create(provider: SsoProvider, person: User, claims: Claims) -> LinkedIdentity:
    """Store that a person is this subject of the provider. For actions, in their transaction."""
    row = LinkedIdentity(provider=provider, person=person, subject=claims.subject)
    row.mark = _mark(row)
    row.save(force_insert=True)
    return row


def note_use(identity: LinkedIdentity, claims: Claims, refresh: bytes | None) -> None:
    """Store what a sign-in brought: the address, the provider's id of the session, and the refresh token."""
    columns: dict[str, object] = {"email": claims.email, "last_used_at": Now(), "refused_since": None}
    if claims.sid:
        known = ProviderSession.objects.filter(identity=identity, sid_hash=sid_hash(claims.sid))
        known.delete()  # it becomes the newest, and pushes out no other browser's
        ProviderSession.objects.create(identity=identity, sid_hash=sid_hash(claims.sid))
        newest = ProviderSession.objects.filter(identity=identity).order_by("-pk").values_list("pk", flat=True)
        ProviderSession.objects.filter(pk__in=list(newest[MAX_SIDS:])).delete()
    if refresh is not None:
        columns |= {"refresh": refresh, "refresh_checked_at": Now(), "refresh_unanswered": False}
    LinkedIdentity.objects.filter(pk=identity.pk).update(**columns, withdrawn_at=None)


def end_identity_sessions(identity: LinkedIdentity) -> bool:
    """End the sessions that began with a locked identity; the person's other sessions continue. Returns whether they
    were ended: of an identity that was changed outside the portal nothing changes, since a new mark would confirm it.
    No session is open by it."""
    if not is_as_left(identity):
        return False
    identity.epoch += 1
    identity.mark = _mark(identity)
    LinkedIdentity.objects.filter(pk=identity.pk).update(epoch=identity.epoch, mark=identity.mark)
    ProviderSession.objects.filter(identity=identity).delete()
    return True


def with_session(provider: SsoProvider, sid: str) -> QuerySet[LinkedIdentity]:
    """Return the identities that have signed in within the provider's session with this id."""
    sessions = ProviderSession.objects.filter(sid_hash=sid_hash(sid))
    return LinkedIdentity.objects.filter(provider=provider, pk__in=sessions.values("identity"))


def sid_hash(sid: str) -> str:
    """Return what is stored of a provider's id of a session."""
    return hashlib.sha256(sid.encode()).hexdigest()


def _mark(identity: LinkedIdentity) -> str:
    return sso_marks.mark_of(Marked.IDENTITY, *_columns(identity))


def _columns(identity: LinkedIdentity) -> tuple[object, ...]:
    provider = identity.provider
    return (
        identity.pk, identity.person_id, provider.pk, provider.organization_id, provider.issuer, identity.subject,
        identity.epoch,
    )  # fmt: skip
