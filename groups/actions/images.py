"""The rows of images: queued to be pulled, locked with their group, deleted. Called in the transactions of actions.

Whoever deletes an image records the credential that was destroyed with it
(`groups.ingest.credential_hold.record_settled`) at the end of the transaction.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from groups.ingest.credential_hold import record_settled, settle_credential
from groups.models import Blob, ContainerGroup, Image
from groups.rules.states import Stale
from groups.rules.wakeups import wake_pull
from groups.storage import garbage
from registries.credential_rows import extend_for_pull, max_pull_seconds
from registries.models import Credential
from registries.oci.reference import Reference


def queue_image(organization_id: Any, reference: Reference, credential: Credential | None) -> Image:
    """Write the work order of a pull and wake a worker on commit."""
    now = timezone.now()
    if credential is not None:
        extend_for_pull(credential.pk, until=now + timedelta(seconds=max_pull_seconds()))
    image = Image.objects.create(
        organization_id=organization_id,
        reference=str(reference),
        registry=reference.registry,
        repository=reference.repository,
        version=reference.version,
        provider=credential.provider if credential else "",
        credential=credential,
        platform=settings.PORTAL_PLATFORM,
        retry_until=now + timedelta(seconds=settings.PORTAL_PULL_RETRY_SECONDS),
    )
    wake_pull(image.pk)
    return image


def lock_images(group: ContainerGroup) -> tuple[Image, Image | None]:
    """Lock the group's images, then the group, the order in which a pull ends; return the image that it has now and
    the one that is to follow, whatever the row in hand says. Raises Stale where the group is gone."""
    rows = ContainerGroup.objects.filter(pk=group.pk)
    while True:
        before = transaction.savepoint()
        has = rows.values_list("image_id", "next_image_id").first()
        locked = Image.objects.select_for_update(of=("self",)).filter(pk__in=[pk for pk in has or () if pk])
        images = {image.pk: image for image in locked.order_by("pk")}
        current = rows.select_for_update(of=("self",)).first()
        if current is None:
            raise Stale(f"ContainerGroup {group.pk} is gone")
        image = images.get(current.image_id)
        next_image = images.get(current.next_image_id) if current.next_image_id else None
        if image is not None and (next_image is not None or current.next_image_id is None):
            transaction.savepoint_commit(before)
            return image, next_image
        # Somebody gave the group another image while we waited: let go of all, for the order's sake.
        transaction.savepoint_rollback(before)


def delete_image(image_id: Any, *, older_than: timedelta) -> bool:
    """Delete an image that no group has, with its hold on the credential, once it is that old. Returns whether it
    was there. For `groups.sweep`."""
    with transaction.atomic():
        ours = Image.objects.filter(pk=image_id, created_at__lt=Now() - older_than)
        image = ours.select_for_update().first()
        if image is None or ContainerGroup.objects.filter(Q(image=image) | Q(next_image=image)).exists():
            return False
        record_settled(delete_locked(image))
    return True


def delete_locked(image: Image) -> Credential | None:
    """Delete an image that is locked and that no group has, with its hold on the credential, which is returned if it
    was destroyed by that."""
    credential_id = image.credential_id
    blobs = _blobs_of(image)
    image.delete()
    destroyed = settle_credential(credential_id) if credential_id is not None else None
    garbage.mark_unused(blobs)
    return destroyed


def drop(image: Image) -> None:
    """Delete the row with its layers; what they were kept in is for `groups.storage.garbage` from now on."""
    blobs = _blobs_of(image)
    image.delete()
    garbage.mark_unused(blobs)


def _blobs_of(image: Image) -> list[int]:
    return list(Blob.objects.filter(layers__image=image).distinct().values_list("pk", flat=True))
