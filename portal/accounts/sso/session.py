"""What a browser's session says of single sign-on, and which organizations it opens.

`limited`: the person has signed in with an organization's provider only. Such a session opens the organizations of its
providers and nothing else: no other organization, no pages of the account, no admin. `root` is the identity at the
portal's provider with which a session began, if it did. The session's data is encrypted with its cookie, so only the
portal writes it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from django.http import HttpRequest

from portal.accounts.sso.identities import is_as_left
from portal.models import LinkedIdentity, User
from registries.foundation.ids import OrganizationId

SESSION_KEY = "sso"
METHOD = "sso"
RECORDS_LAST_SECONDS = 15 * 60
_CACHED = "_sso_session"


@dataclass(frozen=True)
class SsoSession:
    """`organizations` are those whose provider the person has signed in with, and still may. `is_over`: what the
    session began with has ended."""

    limited: bool
    is_over: bool
    organizations: frozenset[OrganizationId]
    identities: frozenset[str]

    @property
    def can_prove_again(self) -> bool:
        """Whether one of its providers speaks for all that the session opens."""
        return bool(self.identities) and (self.limited or WHOLE_PORTAL in self.organizations)


WHOLE_PORTAL = OrganizationId(0)
"""Among the organizations of a session, if the person has signed in with the portal's provider."""
NONE = SsoSession(limited=False, is_over=False, organizations=frozenset(), identities=frozenset())


def note_proof(request: HttpRequest, person: User, identity: LinkedIdentity, *, signed_in_at: float) -> None:
    """Note for allauth that the person has proved who they are with a provider. `signed_in_at` is when they did there,
    0 if it doesn't say: most providers answer without asking whoever is signed in with them."""
    record_authentication(
        request,
        person,
        METHOD,
        identity=str(identity.pk),
        epoch=identity.epoch,
        organization=identity.provider.organization_id or 0,
        signed_in_at=signed_in_at,
    )


def proved_at(record: Mapping[str, object], organization_id: OrganizationId | None) -> float:
    """Return when an entry of allauth's shows that the person was there, in seconds since 1970; 0 if it doesn't, for a
    page of this organization, or of none. A provider shows it if it says when the person signed in there, and that of
    an organization for the pages of its organization only."""
    at = float(str(record.get("at", 0)))
    if record.get("method") != METHOD:
        return at
    speaks = not record.get("organization") or record["organization"] == organization_id
    return min(at, float(str(record.get("signed_in_at", 0)))) if speaks else 0.0


def begin(request: HttpRequest, person: User) -> None:
    """Write into a session that was just signed in which providers it was signed in with, if any."""
    records = get_authentication_records(request, person)
    recent = [record for record in records if time.time() - record.get("at", 0) < RECORDS_LAST_SECONDS]
    proofs = [record for record in recent if record.get("method") == METHOD]
    has_own_way = any(record.get("method") == "password" or record.get("passwordless") for record in recent)
    of_portal = [proof["identity"] for proof in proofs if not proof["organization"]]
    if proofs:
        request.session[SESSION_KEY] = {
            "limited": not has_own_way and not of_portal,
            "root": "" if has_own_way or not of_portal else of_portal[-1],
            "identities": {proof["identity"]: [proof["epoch"], proof["organization"]] for proof in proofs},
        }
    else:
        request.session.pop(SESSION_KEY, None)


def add(request: HttpRequest, identity: LinkedIdentity) -> None:
    """Add an identity to the session of a person who is signed in and has proved it just now. A limited session stays
    limited, unless it is the whole portal's provider."""
    kept = request.session.get(SESSION_KEY) or {"limited": False, "root": "", "identities": {}}
    organization = identity.provider.organization_id or 0
    is_opened = bool(kept["limited"]) and organization == 0
    request.session[SESSION_KEY] = {
        "limited": bool(kept["limited"]) and not is_opened,
        "root": str(identity.pk) if is_opened else kept["root"],
        "identities": {**kept["identities"], str(identity.pk): [identity.epoch, organization]},
    }
    request.session.cycle_key()
    if hasattr(request, _CACHED):
        delattr(request, _CACHED)


def session_of(request: HttpRequest) -> SsoSession:
    """Return what holds now: an identity counts while it is linked, unaltered, and its epoch has not been raised."""
    kept = request.session.get(SESSION_KEY)
    if not kept or not request.user.is_authenticated:
        return NONE
    cached: SsoSession | None = getattr(request, _CACHED, None)
    if cached is not None:
        return cached
    stored = dict(kept["identities"])
    rows = LinkedIdentity.objects.select_related("provider").filter(pk__in=list(stored), person=request.user.pk)
    valid = [
        row for row in rows
        if is_as_left(row) and stored[str(row.pk)] == [row.epoch, row.provider.organization_id or 0]
    ]  # fmt: skip
    names = frozenset(str(row.pk) for row in valid)
    found = SsoSession(
        limited=bool(kept["limited"]),
        is_over=kept["root"] not in names if kept["root"] else bool(kept["limited"]) and not names,
        organizations=frozenset(OrganizationId(row.provider.organization_id or 0) for row in valid),
        identities=names,
    )
    setattr(request, _CACHED, found)
    return found


def has_second_factor(request: HttpRequest) -> bool:
    """Whether a second factor of the portal was used in this session."""
    person = request.user if isinstance(request.user, User) else None
    return any(record.get("method") == "mfa" for record in get_authentication_records(request, person))
