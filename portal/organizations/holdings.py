"""What somebody holds in an organization: API keys they own, and open invitations they made. It ends with the role that
it needs: when they are removed or demoted, leave, or lose their account.

Functions on rows, for actions that have locked the organization. `record_end` says in the activity what ended.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field

from django.db.models.functions import Now

from portal.models import ApiKey, Invitation, User
from portal.organizations.api_key_rows import end, hand_over
from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor
from registries.foundation.ids import OrganizationId, UserId


@dataclass(frozen=True)
class Holdings:
    """API keys that work, and open invitations."""

    keys: list[ApiKey] = field(default_factory=list)
    invitations: list[Invitation] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.keys or self.invitations)

    @property
    def lines(self) -> list[str]:
        """Each of them in a line, for operators."""
        keys = [f"API key {key.name} ({key.prefix}…), {_use_of(key)}" for key in self.keys]
        return keys + [f"invitation of {row.email} as {row.role}" for row in self.invitations]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """What ended, and the keys that somebody else owns now."""

    keys: list[ApiKey] = field(default_factory=list)
    invitations: list[Invitation] = field(default_factory=list)
    handed_over: list[ApiKey] = field(default_factory=list)
    owner: User | None = None

    @property
    def in_words(self) -> str:
        """Such as `2 API keys and 1 invitation ended, 1 API key handed over`; empty if there was nothing."""
        ended = _counted(len(self.keys), "API key"), _counted(len(self.invitations), "invitation")
        parts = [f"{' and '.join(filter(None, ended))} ended" if any(ended) else ""]
        parts.append(f"{_counted(len(self.handed_over), 'API key')} handed over" if self.handed_over else "")
        return ", ".join(filter(None, parts))


def holdings_of(person_id: UserId, organization_id: OrganizationId) -> Holdings:
    """Return what the person holds in the organization, the newest first."""
    keys = ApiKey.objects.live().filter(owner=person_id, organization=organization_id)
    invitations = Invitation.objects.open().filter(invited_by=person_id, organization=organization_id)
    return Holdings(list(keys.select_related("project")), list(invitations))


def end_holdings(
    person_id: UserId,
    organization_id: OrganizationId,
    *,
    keep: Collection[uuid.UUID] = (),
    new_owner: User | None = None,
) -> Ended:
    """End what the person holds in the organization, which is locked. The keys in `keep` become `new_owner`'s instead,
    who is an owner of the organization; one that was altered outside the portal ends with the others."""
    held = holdings_of(person_id, organization_id)
    handed_over: list[ApiKey] = []
    ended: list[ApiKey] = []
    for key in held.keys:
        if new_owner is not None and key.pk in keep and hand_over(key, new_owner.pk):
            handed_over.append(key)
        elif end(key):
            ended.append(key)
    withdrawn = [row for row in held.invitations if _withdraw(row)]
    return Ended(keys=ended, invitations=withdrawn, handed_over=handed_over, owner=new_owner)


def end_invitations_to(email: str, organization_id: OrganizationId) -> list[Invitation]:
    """Withdraw the open invitations of the organization, which is locked, to this address; return them. Somebody who is
    removed may have come in another way, and would come back with one."""
    rows = Invitation.objects.open().filter(email=email, organization=organization_id)
    return [row for row in rows if _withdraw(row)]


def record_end(ended: Ended, organization_id: OrganizationId, *, by: Actor) -> None:
    """Record what ended, each by itself: among the last statements of an action."""
    for key in ended.keys:
        record(by, "key.revoked", Target("api_key", key.pk, key.name), organization_id=organization_id)
    for key in ended.handed_over:
        owner = ended.owner.email if ended.owner is not None else ""
        target = Target("api_key", key.pk, key.name)
        record(by, "key.handed_over", target, organization_id=organization_id, detail=owner, after={"owner": owner})
    for invitation in ended.invitations:
        target = Target("invitation", invitation.pk, invitation.email)
        record(by, "team.withdrawn", target, organization_id=organization_id)


def _use_of(key: ApiKey) -> str:
    if key.last_used_at is None:
        return "never used"
    where = f" from {key.last_used_from}" if key.last_used_from else ""
    return f"last used {key.last_used_at:%Y-%m-%d %H:%M} UTC{where}"


def _withdraw(row: Invitation) -> bool:
    return bool(Invitation.objects.open().filter(pk=row.pk).update(withdrawn_at=Now()))


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else ""
