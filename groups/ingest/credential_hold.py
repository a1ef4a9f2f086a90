"""How long a pull holds its credential: until it settles, or, where it fails for a reason that is not the credential,
until the credential's deadline, so that it can be tried again without entering it.

Credentials are locked after images and groups, several of them in the order of their keys. The
lock (`no_key`) lets other transactions add rows that refer to the credential.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TypeAlias

from django.db import transaction
from django.db.models import Exists, OuterRef

from groups.models import Image
from registries.credential_rows import (
    NewCredential,
    empty_credential,
    record_added,
    record_destroyed,
    store_credential,
)
from registries.foundation.actor import PORTAL, Actor
from registries.foundation.ids import CredentialId, ImageId, OrganizationId, UserId
from registries.foundation.refusal import Refusal
from registries.models import Credential, Trust
from registries.oci.reference import Reference


class CredentialElsewhere(Refusal):
    """The credential was typed beside an image of another repository, and is kept only for that."""

    code = "credential_elsewhere"
    title = "This credential is for another image"

    def __init__(self, repository: str) -> None:
        super().__init__(f"This credential was entered for {repository} and is used for no other. Enter it again.")


Chosen: TypeAlias = Credential | NewCredential | Trust | None
"""What an image is to be pulled with: a credential that is stored or was typed, a trust, or nothing."""


def stored_credential(
    credential: Chosen,
    reference: Reference,
    *,
    organization_id: OrganizationId,
    created_by_id: UserId | None,
) -> Credential | Trust | None:
    """Return the row of the credential or trust for this image; a typed credential is sealed and stored first, for this
    repository only if it is kept only for its pull. Called in the transaction of an action, which ends with
    `record_typed`. Raises CredentialMalformed, and CredentialElsewhere for one that was entered for another
    repository."""
    if isinstance(credential, NewCredential):
        if credential.hold == Credential.Retention.PULL:
            credential = replace(credential, repository=reference.repository)
        return store_credential(credential, organization_id=organization_id, created_by_id=created_by_id)
    if isinstance(credential, Credential) and credential.repository not in ("", reference.repository):
        raise CredentialElsewhere(credential.repository)
    return credential


def record_typed(given: Chosen, stored: Credential | Trust | None, *, by: Actor) -> None:
    """Record that `stored_credential` stored a typed credential, where one was `given`. Called at the end of the
    transaction."""
    if isinstance(stored, Credential) and isinstance(given, NewCredential):
        record_added(stored, by=by)


def lock_credentials(credential_ids: Collection[CredentialId | None]) -> None:
    """Lock these credentials in one order, so that two transactions that need the same ones can't wait for each
    other."""
    keys = [key for key in credential_ids if key is not None]
    if len(keys) > 1:
        rows = Credential.objects.select_for_update(no_key=True).filter(pk__in=keys)
        list(rows.order_by("pk").values_list("pk"))


def settle_credential(credential_id: CredentialId, *, has_failed: bool = False) -> Credential | None:
    """Destroy a credential that was held for its pull, unless an image still holds it (`ImageQuerySet.holding`). Called
    in the transaction that settles or deletes a pull, which ends with `record_settled`. Returns the credential if it
    was destroyed now. With `has_failed`, the credential itself was refused: then only a pull in progress keeps it."""
    pulls = Image.objects.filter(credential_id=credential_id)
    holding = pulls.unsettled() if has_failed else pulls.holding()
    credential = Credential.objects.select_for_update(no_key=True).filter(pk=credential_id).first()
    if credential is None or credential.hold != Credential.Retention.PULL or holding.exists():
        return None
    return credential if empty_credential(credential.pk, reason=Credential.DestructionReason.SETTLED) else None


def record_settled(credential: Credential | None) -> None:
    """Record that the portal destroyed this credential because its pull ended, where it did. Called as the last
    statement of a transaction that settles a pull."""
    if credential is not None:
        detail = f"{credential.host}, {Credential.DestructionReason.SETTLED.label}"
        record_destroyed(credential, by=PORTAL, detail=detail)


def stop_keeping(organization_id: OrganizationId) -> int:
    """End the hold of this organization's failed pulls on their credentials, each in a transaction of its own, because
    the organization can't try again. Returns how many there were."""
    keeping = Image.objects.keeping().filter(organization_id=organization_id)
    return sum(_stop_keeping(image_id) for image_id in list(keeping.values_list("pk", flat=True)))


def _stop_keeping(image_id: ImageId) -> bool:
    with transaction.atomic():
        image = Image.objects.keeping().select_for_update(of=("self",)).filter(pk=image_id).first()
        if image is None:
            return False
        Image.objects.filter(pk=image_id).update(keeps_credential=False)
        record_settled(settle_credential(image.credential_id) if image.credential_id else None)
    return True


def destroy_checked(credential_id: CredentialId) -> bool:
    """Destroy a credential that was sent for one check, which is over. Returns whether it was still there."""
    with transaction.atomic():
        credential = Credential.objects.select_for_update(no_key=True).defer("sealed").get(pk=credential_id)
        destroyed = empty_credential(credential_id, reason=Credential.DestructionReason.SETTLED)
        if destroyed:
            record_destroyed(credential, by=PORTAL, detail=f"{credential.host}, the check ended")
    return destroyed


def destroy_tampered(credential: Credential, *, organization_id: OrganizationId, changed: str) -> None:
    """Destroy a credential whose row is not as it was sealed, and record it in the activity of its organization.
    `changed` says which columns; no value is repeated."""
    with transaction.atomic():
        Credential.objects.select_for_update(no_key=True).defer("sealed").filter(pk=credential.pk).first()
        if empty_credential(credential.pk, reason=Credential.DestructionReason.TAMPERED):
            credential.organization_id = organization_id
            reason = Credential.DestructionReason.TAMPERED.label
            record_destroyed(credential, by=PORTAL, detail=f"{reason}: {changed}")


def destroy_settled() -> int:
    """Destroy credentials whose pulls have all settled and which none of them keeps, each in a transaction of its own.
    Settling does so itself; this is for any that it missed. Returns how many were destroyed."""
    pulls = Image.objects.filter(credential=OuterRef("pk"))
    missed = Credential.objects.held().filter(Exists(pulls), ~Exists(pulls.holding()), hold=Credential.Retention.PULL)
    return sum(_destroy_settled(pk) for pk in list(missed.values_list("pk", flat=True)))


def _destroy_settled(credential_id: CredentialId) -> bool:
    with transaction.atomic():
        destroyed = settle_credential(credential_id)
        record_settled(destroyed)
    return destroyed is not None
