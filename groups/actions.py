"""What can be done to a container group: create, start, stop, scale, retry, delete. One mutation per function.

Views, API and commands come here; who may is the portal's, what is valid input the forms'. Each raises
`groups.states.Stale` when the group is no longer in a state that allows it, and those that add something raise
`groups.quotas.Refused` where the organization is at a limit or suspended.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from groups import garbage, quotas
from groups.environment import seal_environment
from groups.holds import settle_credential
from groups.ingest import settle
from groups.ingest.claim import seize
from groups.instances import add_instances, end_instances, end_surplus, follow
from groups.models import Blob, ContainerGroup, Image
from groups.options import seal_options
from groups.states import Stale, move
from groups.wakeups import wake_pull
from registries.actions import extend_for_pull, pull_seconds
from registries.models import Credential
from registries.oci.reference import Reference, parse

Status = ContainerGroup.Status
MOST_REPLICAS = 500


def create(
    *,
    organization_id: Any,
    project_id: Any,
    name: str,
    reference: Reference,
    credential: Credential | None,
    replicas: int = 1,
    cpu: int = 1,
    memory_mb: int = 1024,
    gpu: str = "",
    command: list[str] | None = None,
    environment: dict[str, str] | None = None,
    restart_policy: str = ContainerGroup.RestartPolicy.ALWAYS,
    autostart: bool = False,
    created_by_id: Any = None,
    options: dict[str, Any] | None = None,
) -> ContainerGroup:
    """Write the group as `pending` with its image `queued`, and wake a worker. `options` are settings beyond columns
    (`groups.options`). Raises IntegrityError when the project has a group of this name, `quotas.Refused` where the
    organization may not have it."""
    group_id = uuid.uuid4()
    with transaction.atomic():
        quotas.allow_group(quotas.hold(organization_id), replicas=replicas)
        image = queue_image(organization_id, reference, credential)
        return ContainerGroup.objects.create(
            id=group_id,
            organization_id=organization_id,
            project_id=project_id,
            name=name,
            image=image,
            autostart=autostart,
            replicas=replicas,
            cpu=cpu,
            memory_mb=memory_mb,
            gpu=gpu,
            command=command or [],
            environment=seal_environment(group_id, environment or {}),
            restart_policy=restart_policy,
            created_by_id=created_by_id,
            options=seal_options(group_id, options or {}),
        )


def retry(group: ContainerGroup, *, credential: Credential | None) -> ContainerGroup:
    """Pull the same reference again for a failed group, with a new credential or none. The failed image's row goes;
    its record, the Failure, stays."""
    _only_from(group, Status.FAILED)
    with transaction.atomic():
        quotas.hold(group.organization_id)
        images = lock_images(group)
        if images is None:
            raise Stale(f"ContainerGroup {group.pk} is gone")
        failed, _ = images
        image = queue_image(group.organization_id, parse(failed.reference), credential)
        move(group, to=Status.PENDING, image=image)
        drop(failed)
    return group


def start(group: ContainerGroup) -> ContainerGroup:
    """Have the group's replicas run: instances are written as `allocating`, and nodes that poll take them."""
    _only_from(group, Status.STOPPED, Status.SUCCEEDED)
    with transaction.atomic():
        quotas.hold(group.organization_id)
        move(group, to=Status.DEPLOYING, ended_well=0, ended_badly=0, last_exit_code=None)
        add_instances(group)
    return group


def stop(group: ContainerGroup) -> ContainerGroup:
    """Stop the group: instances without a node go at once, the others when their node hears of it."""
    _only_from(group, Status.DEPLOYING, Status.RUNNING)
    with transaction.atomic():
        move(group, to=Status.STOPPED)
        end_instances(group)
    return group


def scale(group: ContainerGroup, replicas: int) -> ContainerGroup:
    """Have the group run as so many replicas, from 0 to 500: at once where it runs, else when it is started. Raises
    ValueError for other numbers."""
    if not 0 <= replicas <= MOST_REPLICAS:
        raise ValueError(f"replicas is a number from 0 to {MOST_REPLICAS}")
    with transaction.atomic():
        organization = quotas.lock(group.organization_id)
        current = ContainerGroup.objects.select_for_update(no_key=True).filter(pk=group.pk).first()
        if current is None:
            raise Stale(f"ContainerGroup {group.pk} is gone")
        quotas.allow_replicas(organization, more=replicas - current.replicas)
        current.replicas = replicas
        current.save(update_fields=["replicas", "changed_at"])
        if current.status in (Status.DEPLOYING, Status.RUNNING):
            add_instances(current)
            end_surplus(current)
            follow(current.pk)
    group.refresh_from_db()
    return group


def requeue(image: Image) -> bool:
    """Have a pull begin again at once, for an operator: one that waits for its next attempt, one whose worker is
    stuck (which loses its claim and writes nothing more), or one that failed and needs no new secret. Returns whether
    there was anything to do."""
    if image.status == Image.Status.FAILED:
        return _pull_anew(image)
    if image.status == Image.Status.QUEUED:
        with transaction.atomic():
            waits = Image.objects.filter(pk=image.pk, status=Image.Status.QUEUED)
            wake_pull(image.pk)
            return bool(waits.update(not_before=None))
    claimed = seize(image.pk)
    if claimed is None:
        return False
    try:
        settle.release(claimed)
    except Stale:
        return False
    return True


def _pull_anew(image: Image) -> bool:
    credential = image.credential if image.credential is not None and image.credential.is_live else None
    if image.provider and credential is None:
        return False  # what it was pulled with is destroyed, and only a member has another
    done = False
    for group in image.groups.filter(status=Status.FAILED):
        with suppress(Stale):
            retry(group, credential=credential)
            done = True
    return done


def delete(group: ContainerGroup) -> None:
    """Delete the group with its image. A pull in progress loses its row and stops; blobs are collected by `sweep`.
    Failure records and the delivery ledger stay."""
    with transaction.atomic():
        images = lock_images(group)
        group.delete()
        for image in images or ():
            if image is not None:
                delete_locked(image)


def delete_image(image_id: Any, *, older_than: timedelta) -> bool:
    """Delete an image that no group has, with its hold on the credential, once it is that old. Returns whether it
    was there. For `groups.sweep`."""
    with transaction.atomic():
        ours = Image.objects.filter(pk=image_id, created_at__lt=Now() - older_than)
        image = ours.select_for_update().first()
        if image is None or ContainerGroup.objects.filter(Q(image=image) | Q(next_image=image)).exists():
            return False
        delete_locked(image)
    return True


def delete_locked(image: Image) -> None:
    """Delete an image that is locked and that no group has, with its hold on the credential."""
    credential_id = image.credential_id
    drop(image)
    if credential_id is not None:
        settle_credential(credential_id)


def drop(image: Image) -> None:
    """Delete the row with its layers; what they were kept in is for `groups.garbage` from now on."""
    blobs = list(Blob.objects.filter(layers__image=image).distinct().values_list("pk", flat=True))
    image.delete()
    garbage.let_go(blobs)


def lock_images(group: ContainerGroup) -> tuple[Image, Image | None] | None:
    """Lock the group's images, then the group, the order in which a pull ends; return the image that it has now and
    the one that is to follow, whatever the row in hand says. None where the group is gone."""
    rows = ContainerGroup.objects.filter(pk=group.pk)
    while True:
        before = transaction.savepoint()
        has = rows.values_list("image_id", "next_image_id").first()
        locked = Image.objects.select_for_update(of=("self",)).filter(pk__in=[each for each in has or () if each])
        images = {image.pk: image for image in locked.order_by("pk")}
        current = rows.select_for_update(of=("self",)).first()
        if current is None:
            transaction.savepoint_commit(before)
            return None
        image = images.get(current.image_id)
        follower = images.get(current.next_image_id) if current.next_image_id else None
        if image is not None and (follower is not None or current.next_image_id is None):
            transaction.savepoint_commit(before)
            return image, follower
        # Somebody gave the group another image while we waited: let go of all, for the order's sake.
        transaction.savepoint_rollback(before)


def _only_from(group: ContainerGroup, *statuses: str) -> None:
    """Raise Stale for what members can't do now, though the table has such a move for somebody else: only the end
    of its pull takes a group out of `pending`."""
    if group.status not in statuses:
        raise Stale(f"ContainerGroup {group.pk} is {group.status}")


def queue_image(organization_id: Any, reference: Reference, credential: Credential | None) -> Image:
    """Write the work order of a pull and wake a worker on commit."""
    now = timezone.now()
    if credential is not None:
        extend_for_pull(credential.pk, until=now + timedelta(seconds=pull_seconds()))
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
