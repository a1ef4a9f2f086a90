"""Storing, using, emptying and recording credentials: what the actions of `registries` and `groups` share.

These functions are not actions: they run inside an action's transaction. Only `record_…` writes the activity, as the
last statement of that transaction.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from registries.foundation.activity import Target, Value, record
from registries.foundation.actor import PORTAL, Actor
from registries.foundation.clock import database_now
from registries.foundation.ids import CredentialId, OrganizationId, UserId
from registries.models import Credential
from registries.providers import PROVIDERS
from registries.secrets import entered_marks, sqlite_remnants
from registries.secrets.credential_binding import binding_of
from registries.secrets.credential_seal import seal
from registries.secrets.epochs import HOUR_SECONDS, max_credential_seconds
from registries.secrets.sign_in_offers import confirmation_of


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCredential:
    """A credential that is not stored yet.

    `provider` is a kind of `registries.providers`, `host` is canonical, `values` are by field name and include the
    secret, `ca` are certificates (PEM) of authorities that are trusted in addition, `hold` is a `Credential.Retention`.
    `repository` is the only one that the secret is to be used for; empty for all of the host's. `sign_in_host` is the
    other host at which the registry signs in, if a member confirmed it.
    """

    provider: str
    name: str
    host: str
    values: Mapping[str, str] = field(repr=False)
    ca: str = ""
    hold: str = Credential.Retention.PULL
    repository: str = ""
    sign_in_host: str = ""


def store_credential(
    new: NewCredential, *, organization_id: OrganizationId, created_by_id: UserId | None
) -> Credential:
    """Check and repair the values, seal the secret ones, and store the credential. Records nothing.

    Its deadline is in an hour; `extend_for_pull` moves the deadline when a pull is created, up to the latest one, which
    is sealed. Raises `CredentialMalformed` if the values can't work for this kind of registry.
    """
    kind = PROVIDERS[new.provider]
    values = kind.check(new.values, new.host)
    kind.check_shown(values, new.host)
    now = database_now()
    is_kept = new.hold == Credential.Retention.HOUR
    row = Credential(
        id=CredentialId(uuid.uuid4()),
        organization_id=organization_id,
        provider=new.provider,
        name=new.name,
        host=new.host,
        repository=new.repository,
        fields={
            declared.name: values[declared.name]
            for declared in kind.fields
            if not declared.secret and declared.name in values
        },
        ca=new.ca,
        sign_in_host=new.sign_in_host,
        hold=new.hold,
        created_by_id=created_by_id,
        deadline=now + timedelta(seconds=HOUR_SECONDS),
        latest_deadline=now + timedelta(seconds=HOUR_SECONDS if is_kept else max_credential_seconds()),
    )
    secrets = {name: values[name] for name in kind.secret_names if name in values}
    row.sign_in_mark = confirmation_of(
        row.sign_in_host, organization_id=organization_id, credential_id=CredentialId(row.pk), registry=row.host
    )
    row.entered_mark = entered_marks.mark_of(row)
    row.epoch, row.sealed = seal(secrets, binding_of(row))
    row.save(force_insert=True)
    return row


def empty_credential(credential_id: CredentialId, *, reason: str) -> bool:
    """Delete the sealed value and keep the receipt. Records nothing. Returns whether it was still held."""
    return empty(Credential.objects.held().filter(pk=credential_id), reason=reason)


def empty(held: QuerySet[Credential], *, reason: str) -> bool:
    """Delete the sealed values of these held credentials. Records nothing. Returns whether there were any."""
    emptied = held.update(sealed=None, epoch=None, destroyed_at=Now(), destroyed_because=reason)
    if emptied:
        transaction.on_commit(sqlite_remnants.clear)
    return bool(emptied)


def record_added(credential: Credential, *, by: Actor) -> None:
    """Record that the credential was stored, as the last statement of the transaction that stored it."""
    record(
        by,
        "credential.added",
        target_of(credential),
        organization_id=credential.organization_id,
        detail=f"{credential.host}{f', signs in at {signs_in}' if (signs_in := credential.sign_in_host) else ''}",
    )


def record_destroyed(
    credential: Credential,
    *,
    by: Actor,
    detail: str = "",
    before: Mapping[str, Value] | None = None,
    after: Mapping[str, Value] | None = None,
) -> None:
    """Record that the credential was emptied, as the last statement of the transaction that emptied it. `detail` is
    its host by default."""
    record(
        by,
        "credential.destroyed",
        target_of(credential),
        organization_id=credential.organization_id,
        detail=detail or credential.host,
        before=before,
        after=after,
    )


def record_kept(credential: Credential) -> None:
    """Record until when a credential is kept though its pull has failed, as the last statement of the transaction that
    settles the pull."""
    until = f"{credential.deadline.astimezone(UTC):%H:%M} UTC"
    record(
        PORTAL,
        "credential.kept",
        target_of(credential),
        organization_id=credential.organization_id,
        detail=f"{credential.host}, its pull failed for another reason: until {until} at the latest",
    )


def target_of(credential: Credential) -> Target:
    """Return the credential as the target of an activity entry."""
    return Target("credential", credential.pk, credential.name)


def extend_for_pull(credential_id: CredentialId) -> None:
    """Move the deadline of a credential that is kept for its pull to the end of a pull that begins now, unless it is
    later already. It is never moved beyond the latest deadline. One that is kept for an hour keeps its deadline."""
    until = Now() + timedelta(seconds=int(settings.PORTAL_PULL_RETRY_SECONDS) + HOUR_SECONDS)
    held = Credential.objects.held().filter(pk=credential_id, hold=Credential.Retention.PULL)
    held.filter(deadline__lt=until, latest_deadline__gte=until).update(deadline=until)
    held.filter(deadline__lt=F("latest_deadline"), latest_deadline__lt=until).update(deadline=F("latest_deadline"))


def note_use(credential_id: CredentialId) -> None:
    """Count on the receipt that the credential was opened for a pull."""
    Credential.objects.filter(pk=credential_id).update(used_count=F("used_count") + 1, last_used_at=Now())


def note_used_host(credential_id: CredentialId, host: str) -> None:
    """Write on the receipt that the secret is about to be sent to `host` (`host[:port]`)."""
    with transaction.atomic():
        credential = Credential.objects.select_for_update(no_key=True).filter(pk=credential_id).first()
        if credential is not None and host not in credential.used_hosts:
            Credential.objects.filter(pk=credential_id).update(used_hosts=[*credential.used_hosts, host])
