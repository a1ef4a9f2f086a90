"""Rows of images: queueing a pull, locking a group's images, deleting. Called in the transactions of actions.

A caller that deletes an image records the credential that was destroyed with it
(`groups.ingest.credential_hold.record_settled`) at the end of the transaction.
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from groups.ingest.credential_hold import record_settled, settle_credential
from groups.models import Blob, ContainerGroup, Image
from groups.rules.platforms import default_platform
from groups.rules.states import Stale
from groups.rules.wakeups import wake_pull
from groups.storage import garbage
from registries.credential_rows import extend_for_pull
from registries.foundation.clock import database_now
from registries.foundation.ids import BlobId, ImageId, OrganizationId
from registries.models import Credential, Trust
from registries.oci.reference import Reference


def queue_image(
    organization_id: OrganizationId,
    reference: Reference,
    by: Credential | Trust | None,
    *,
    platform: str = "",
    once: bool = False,
) -> Image:
    """Create an image in `queued` that is pulled `by` a credential or trust, extend a credential for the pull, and wake
    a worker on commit. `platform` is the one that a member chose; without it the pull chooses one
    (`groups.rules.platforms`). `once` is whether the credential is destroyed when this pull ends, however it ends."""
    credential = by if isinstance(by, Credential) else None
    if credential is not None:
        extend_for_pull(credential.pk)
    image = Image.objects.create(
        organization_id=organization_id,
        reference=str(reference),
        registry=reference.registry,
        repository=reference.repository,
        version=reference.version,
        provider=by.provider if by else "",
        credential=credential,
        trust=by if isinstance(by, Trust) else None,
        credential_once=once,
        platform=platform or str(default_platform()),
        platform_chosen=bool(platform),
        retry_until=database_now() + timedelta(seconds=settings.PORTAL_PULL_RETRY_SECONDS),
    )
    wake_pull(image.pk)
    return image


def lock_images(group: ContainerGroup) -> tuple[Image, Image | None]:
    """Lock the group's images, then the group, the same order as at the end of a pull; return its current and its next
    image as the database has them. Raises Stale if the group was deleted."""
    rows = ContainerGroup.objects.filter(pk=group.pk)
    while True:
        savepoint = transaction.savepoint()
        ids = rows.values_list("image_id", "next_image_id").first()
        locked = Image.objects.select_for_update(of=("self",)).filter(pk__in=[pk for pk in ids or () if pk])
        images = {image.pk: image for image in locked.order_by("pk")}
        current = rows.select_for_update(of=("self",)).first()
        if current is None:
            raise Stale(f"ContainerGroup {group.pk} is gone")
        image = images.get(current.image_id)
        next_image = images.get(current.next_image_id) if current.next_image_id else None
        if image is not None and (next_image is not None or current.next_image_id is None):
            transaction.savepoint_commit(savepoint)
            return image, next_image
        # The group got another image while this waited: release all locks and take them again in order.
        transaction.savepoint_rollback(savepoint)


def delete_image(image_id: ImageId, *, older_than: timedelta) -> bool:
    """Delete an image that no group has and that is older than this, and end its hold on the credential. Returns
    whether it was deleted. For `groups.sweep`."""
    with transaction.atomic():
        old = Image.objects.filter(pk=image_id, created_at__lt=Now() - older_than)
        image = old.select_for_update().first()
        if image is None or ContainerGroup.objects.filter(Q(image=image) | Q(next_image=image)).exists():
            return False
        record_settled(delete_locked(image))
    return True


def delete_locked(image: Image) -> Credential | None:
    """Delete a locked image that no group has, and end its hold on the credential. Returns the credential if that
    destroyed it."""
    credential_id = image.credential_id
    blobs = _blobs_of(image)
    image.delete()
    destroyed = settle_credential(credential_id) if credential_id is not None else None
    garbage.mark_unused(blobs)
    return destroyed


def _blobs_of(image: Image) -> list[BlobId]:
    return list(Blob.objects.filter(layers__image=image).distinct().values_list("pk", flat=True))
