"""Actions on credentials: add, rename, replace for another host, destroy, erase. One mutation per function.

Each action takes its Actor, and checks, changes and records in one transaction. `registries.credential_rows` has the
code shared with the actions of groups. The portal decides who may do it, and `groups.ingest` when a pull has ended.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from registries.credential_rows import (
    NewCredential,
    empty,
    empty_credential,
    record_added,
    record_destroyed,
    store_credential,
    target_of,
)
from registries.foundation.activity import Target, erase_texts, record
from registries.foundation.actor import Actor
from registries.foundation.ids import CredentialId, OrganizationId
from registries.foundation.refusal import Refusal
from registries.models import ERASED_NAME, Credential, TlsHost
from registries.secrets import ended, keyring, sqlite_remnants, tls_notes
from registries.secrets.epochs import MAX_CLOCK_DIFFERENCE, max_credential_seconds
from registries.secrets.sign_in_offers import confirmation_of

_NOT_READ = ("sealed", "received_at", "deadline", "latest_deadline", "last_used_at", "destroyed_at")
"""Columns that destroying doesn't need. A time that can't be read, such as PostgreSQL's `infinity`, which somebody
wrote past the portal, must keep neither its credential nor others from being destroyed."""

log = structlog.get_logger(__name__)


def add_credential(new: NewCredential, *, organization_id: OrganizationId, by: Actor) -> Credential:
    """Seal and store the credential. Raises `CredentialMalformed` if the values can't work for this kind of
    registry."""
    with transaction.atomic():
        credential = store_credential(new, organization_id=organization_id, created_by_id=by.person_id)
        record_added(credential, by=by)
    return credential


def rename(credential: Credential, *, name: str, by: Actor) -> bool:
    """Rename a credential or a receipt. Returns whether the name changed."""
    with transaction.atomic():
        before = _lock(credential)
        if not _give_name(before, name):
            return False
        _record_renamed(before, name, by=by)
    return True


class CredentialGone(Refusal):
    """The secret is destroyed already."""

    code = "credential_gone"
    title = "The credential is destroyed"

    def __init__(self) -> None:
        super().__init__("This credential has been destroyed. Enter it again.")


def confirm_sign_in_host(credential: Credential, *, host: str, by: Actor) -> bool:
    """Let the secret be sent to `host` (`host[:port]`, over TLS), where its registry signs in, instead of any other
    such host that was confirmed before. Returns whether that is new. Raises CredentialGone, and
    `keyring.KeyUnavailable`."""
    with transaction.atomic():
        before = _lock(credential)
        if not before.is_held:
            raise CredentialGone
        if before.sign_in_host == host:
            return False
        mark = confirmation_of(
            host,
            organization_id=OrganizationId(before.organization_id),
            credential_id=CredentialId(before.pk),
            registry=before.host,
        )
        Credential.objects.filter(pk=before.pk).update(sign_in_host=host, sign_in_mark=mark)
        record(
            by,
            "credential.sign_in_host_confirmed",
            target_of(before),
            organization_id=before.organization_id,
            detail=f"{before.host} signs in at {host}",
            before={"sign_in_host": before.sign_in_host},
            after={"sign_in_host": host},
        )
    credential.sign_in_host, credential.sign_in_mark = host, mark
    return True


def replace_host(credential: Credential, *, name: str, host: str, by: Actor) -> bool:
    """Rename the credential and destroy its secret, which was not entered for `host`. The caller then asks for a new
    credential for `host`. Returns whether the secret was still held."""
    with transaction.atomic():
        before = _lock(credential)
        renamed = _give_name(before, name)
        emptied = empty_credential(before.pk, reason=Credential.DestructionReason.REPLACED)
        if emptied:
            record_destroyed(
                before,
                by=by,
                detail=f"for one at {host}",
                before={"name": before.name} if renamed else None,
                after={"name": name} if renamed else None,
            )
        elif renamed:
            _record_renamed(before, name, by=by)
    return emptied


def destroy(credential: Credential, *, reason: Credential.DestructionReason, by: Actor) -> bool:
    """Delete the sealed value and keep the receipt. Returns whether it was still held."""
    with transaction.atomic():
        emptied = empty_credential(credential.pk, reason=reason)
        if emptied:
            removed = reason == Credential.DestructionReason.REMOVED
            detail = credential.host if removed else f"{credential.host}, {reason.label}"
            record_destroyed(credential, by=by, detail=detail)
    return emptied


class CredentialHeld(Refusal):
    """The secret is not destroyed yet."""

    code = "credential_held"
    title = "The credential is still in use"

    def __init__(self) -> None:
        super().__init__("Destroy the credential first. Then its name and user name can be erased.")


def erase_names(credential: Credential, *, by: Actor) -> bool:
    """Delete the name and the public values of a receipt, also from the activity, because somebody entered a secret
    there. Returns whether there was anything to erase. Raises CredentialHeld while the secret is held."""
    with transaction.atomic():
        before = _lock(credential)
        if before.is_held:
            raise CredentialHeld
        rows = Credential.objects.filter(pk=before.pk).exclude(name=ERASED_NAME, fields={})
        changed = rows.update(name=ERASED_NAME, fields={})
        transaction.on_commit(sqlite_remnants.clear)
        erased = erase_texts(
            target_of(before),
            organization_id=before.organization_id,
            reason="with the name and user name of a credential",
            by=by,
        )
        if not changed and not erased:
            return False
        # Without a name: what is recorded here stays.
        record(by, "credential.erased", Target("credential", before.pk), organization_id=before.organization_id)
    credential.name, credential.fields = ERASED_NAME, {}
    return True


def destroy_overdue(*, by: Actor) -> int:
    """Destroy every credential whose deadline has passed. Each has its own transaction, so that the activities of two
    organizations are never locked at once. Returns the number of destroyed credentials."""
    expired = Credential.objects.expired().defer(*_NOT_READ).order_by("deadline")
    return sum(_destroy_if_expired(credential, by=by) for credential in list(expired))


def destroy_unopenable(*, by: Actor) -> int:
    """Destroy credentials whose key was deleted because their time was over, whatever their rows say. Returns the
    number of destroyed credentials."""
    epochs = keyring.opening_epochs()
    if not epochs:
        return 0  # the folder may only be missing now
    rows = Credential.objects.held().filter(epoch__lt=max(epochs)).exclude(epoch__in=epochs).defer(*_NOT_READ)
    return sum(destroy(row, reason=Credential.DestructionReason.DEADLINE, by=by) for row in list(rows))


def note_destroyed() -> int:
    """Note in the worker zone which credentials were destroyed, so that none opens again if its row is put back.
    Returns how many were noted. One whose key is deleted needs no note."""
    if settings.PORTAL_ZONE == "web":
        return 0
    seconds = 2 * max_credential_seconds() + MAX_CLOCK_DIFFERENCE.total_seconds()
    since = Now() - timedelta(seconds=seconds)
    rows = Credential.objects.filter(destroyed_at__isnull=False, deadline__gt=since)
    try:
        noted = ended.note(ended.Kind.CREDENTIAL, map(str, rows.values_list("pk", flat=True)))
        ended.forget(ended.Kind.CREDENTIAL, after_seconds=2 * seconds)
    except OSError as error:
        log.error("destroyed_credentials_not_noted", error=type(error).__name__)
        return 0
    return noted


def _destroy_if_expired(credential: Credential, *, by: Actor) -> bool:
    reason = Credential.DestructionReason.DEADLINE
    with transaction.atomic():
        # A pull may have extended it since it was read.
        emptied = empty(Credential.objects.expired().filter(pk=credential.pk), reason=reason)
        if emptied:
            record_destroyed(credential, by=by, detail=f"{credential.host}, {reason.label}")
    return emptied


def _lock(credential: Credential) -> Credential:
    return Credential.objects.select_for_update(no_key=True).defer("sealed").get(pk=credential.pk)


def _give_name(credential: Credential, name: str) -> bool:
    if credential.name == name:
        return False
    Credential.objects.filter(pk=credential.pk).update(name=name)
    return True


def _record_renamed(before: Credential, name: str, *, by: Actor) -> None:
    record(
        by,
        "credential.changed",
        target_of(before),
        organization_id=before.organization_id,
        detail=f"{before.name} → {name}",
        before={"name": before.name},
        after={"name": name},
    )


def note_tls_hosts() -> int:
    """Note in the worker zone which registries have spoken TLS by the rows in the database: those that workers couldn't
    note, or other workers have seen. Returns how many were not known."""
    if settings.PORTAL_ZONE == "web":
        return 0
    rows = TlsHost.objects.order_by("since", "pk").values_list("pk", flat=True)
    try:
        return tls_notes.note_others(rows[: tls_notes.MAX_NOTES])
    except OSError as error:
        log.error("tls_hosts_not_noted", error=type(error).__name__)
        return 0


def forget_tls(authority: str, *, by: Actor) -> bool:
    """Forget that a registry, `host[:port]`, has spoken TLS, for one that no longer does on purpose. Returns whether it
    was known. Worker zone only. Raises OSError if the workers' note can't be deleted; the row is gone then."""
    is_noted = tls_notes.includes(authority)
    with transaction.atomic():
        if not TlsHost.objects.filter(pk=authority).delete()[0] and not is_noted:
            return False
        transaction.on_commit(partial(tls_notes.forget, authority))
        record(by, "registry.tls_forgotten", Target("registry", authority, authority), organization_id=None)
    return True
