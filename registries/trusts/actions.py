"""Actions on trusts: add, rename, remove. One mutation per function.

Each action takes its Actor, and checks, changes and records in one transaction. The portal decides who may do it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from registries.foundation.activity import Target, record
from registries.foundation.actor import Actor
from registries.foundation.ids import OrganizationId, ProjectId, TrustId
from registries.foundation.refusal import Refusal
from registries.foundation.secret_shapes import find_secret
from registries.hosts import read_host
from registries.models import MAX_NAME_LENGTH, Trust
from registries.oci.reference import ReferenceInvalid
from registries.providers.checks import Unusable
from registries.providers.trust_kinds import TRUST_KINDS
from registries.secrets.trust_marks import mark_of

MAX_TRUSTS = 100
"""Of an organization, at the same time."""


class TrustExists(Refusal):
    """There is a trust for this host already: one for each project, and one for the whole organization."""

    code = "trust_exists"
    title = "There is a trust for this registry already"

    def __init__(self) -> None:
        super().__init__("There is a trust for this registry already. Remove it first.", field="host")


class TooManyTrusts(Refusal):
    """The organization has as many trusts as it can have."""

    code = "too_many_trusts"
    title = "Too many trusts"

    def __init__(self) -> None:
        super().__init__(f"An organization has at most {MAX_TRUSTS} trusts. Remove one that you no longer need.")


class TrustInvalid(Refusal):
    """The values can't be those of a trust. `field` is `name`, `provider`, `host`, or `settings.` and a setting."""

    code = "trust_invalid"
    title = "The trust can't be added as it is"
    status = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTrust:
    """A trust as it was typed or sent. `provider` is a kind of TRUST_KINDS; `project_id` is the only project that uses
    it, None for all."""

    name: str
    provider: str
    host: str
    settings: Mapping[str, str]
    project_id: ProjectId | None = None


def add_trust(new: NewTrust, *, organization_id: OrganizationId, by: Actor) -> Trust:
    """Store a trust. Nothing is asked. Raises TrustInvalid, TrustExists, TooManyTrusts and
    `keyring.KeyUnavailable`."""
    host, settings = _checked(new)
    row = Trust(
        id=TrustId(uuid.uuid4()),
        organization_id=organization_id,
        project_id=new.project_id,
        name=_checked_name(new.name),
        provider=new.provider,
        host=host,
        settings=settings,
        created_by_id=by.person_id,
    )
    row.mark = mark_of(row)
    with transaction.atomic():
        live = Trust.objects.live().filter(organization_id=organization_id)
        of_project = (
            live.filter(project__isnull=True) if new.project_id is None else live.filter(project=new.project_id)
        )
        if of_project.filter(host=host).exists():
            raise TrustExists
        if live.count() >= MAX_TRUSTS:
            raise TooManyTrusts
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:  # another request was first
            raise TrustExists from None
        row.refresh_from_db(fields=["created_at"])
        record(
            by,
            "trust.added",
            target_of(row),
            organization_id=organization_id,
            detail=host,
            after={"host": host, "provider": row.provider} | {f"settings.{name}": settings[name] for name in settings},
        )
    return row


def rename_trust(trust: Trust, *, name: str, by: Actor) -> bool:
    """Rename a trust. Returns whether the name changed. Raises TrustInvalid."""
    name = _checked_name(name)
    with transaction.atomic():
        before = Trust.objects.select_for_update(no_key=True).get(pk=trust.pk)
        if before.name == name:
            return False
        Trust.objects.filter(pk=trust.pk).update(name=name)
        record(
            by,
            "trust.changed",
            target_of(before),
            organization_id=before.organization_id,
            detail=f"{before.name} → {name}",
            before={"name": before.name},
            after={"name": name},
        )
    trust.name = name
    return True


def remove_trust(trust: Trust, *, by: Actor) -> bool:
    """Remove a trust: nothing is signed for it any more. Its uses stay. Returns whether it was there."""
    with transaction.atomic():
        if not Trust.objects.live().filter(pk=trust.pk).update(removed_at=Now()):
            return False
        record(by, "trust.removed", target_of(trust), organization_id=trust.organization_id, detail=trust.host)
    return True


def target_of(trust: Trust) -> Target:
    """Return the trust as the target of an activity entry."""
    return Target("trust", trust.pk, trust.name)


def _checked(new: NewTrust) -> tuple[str, dict[str, str]]:
    """Return the canonical host and the settings to store. Raises TrustInvalid."""
    if new.provider not in TRUST_KINDS:
        raise TrustInvalid(f"A provider is one of {', '.join(TRUST_KINDS)}.", field="provider")
    for name, text in new.settings.items():
        if find_secret(text, likely=False) is not None:
            message = "This looks like a secret. A trust needs none, and shows what you enter."
            raise TrustInvalid(message, field=f"settings.{name}")
    try:
        host = read_host(new.host)
        return host, TRUST_KINDS[new.provider].check(new.settings, host)
    except ReferenceInvalid as error:
        raise TrustInvalid(error.message, field="host") from None
    except Unusable as unusable:
        reason, field = unusable.reason, unusable.field
    raise TrustInvalid(f"{reason[:1].upper()}{reason[1:]}.", field="host" if field == "host" else f"settings.{field}")


def _checked_name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise TrustInvalid(f"A name has 1 to {MAX_NAME_LENGTH} characters.", field="name")
    if find_secret(name, likely=False) is not None:
        raise TrustInvalid("This looks like a secret, and would be shown.", field="name")
    return name
