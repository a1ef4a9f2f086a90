"""What can be done to a container group: create, start, stop, scale, retry, delete. One mutation per function.

Views, API and commands come here; who may is the portal's, what is valid input the forms'. Each raises
`groups.states.Stale` when the group is no longer in a state that allows it, and those that add something raise
`groups.quotas.Refused` where the organization is at a limit or suspended.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Any

from django.db import transaction

from groups import quotas
from groups.environment import seal_environment
from groups.images import delete_locked, drop, lock_images, queue_image
from groups.ingest import settle
from groups.ingest.claim import seize
from groups.instances import add_instances, end_instances, end_surplus, follow
from groups.models import ContainerGroup, Image
from groups.options import seal_options
from groups.rules.group_settings import MAX_REPLICAS
from groups.states import Stale, move
from groups.wakeups import wake_pull
from registries.models import Credential
from registries.oci.reference import Reference, parse

Status = ContainerGroup.Status


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
        failed, _ = lock_images(group)
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
    _only_from(group, *ContainerGroup.ACTIVE)
    with transaction.atomic():
        move(group, to=Status.STOPPED)
        end_instances(group)
    return group


def scale(group: ContainerGroup, replicas: int) -> ContainerGroup:
    """Have the group run as so many replicas, from 0 to 500: at once where it runs, else when it is started. Raises
    ValueError for other numbers."""
    if not 0 <= replicas <= MAX_REPLICAS:
        raise ValueError(f"replicas is a number from 0 to {MAX_REPLICAS}")
    with transaction.atomic():
        organization = quotas.lock(group.organization_id)
        current = ContainerGroup.objects.select_for_update(no_key=True).filter(pk=group.pk).first()
        if current is None:
            raise Stale(f"ContainerGroup {group.pk} is gone")
        quotas.allow_replicas(organization, more=replicas - current.replicas)
        current.replicas = replicas
        current.save(update_fields=["replicas", "changed_at"])
        if current.status in ContainerGroup.ACTIVE:
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
    with suppress(Stale), transaction.atomic():
        images = lock_images(group)
        group.delete()
        for image in images:
            if image is not None:
                delete_locked(image)


def _only_from(group: ContainerGroup, *statuses: str) -> None:
    """Raise Stale for what members can't do now, though the table has such a move for somebody else: only the end
    of its pull takes a group out of `pending`."""
    if group.status not in statuses:
        raise Stale(f"ContainerGroup {group.pk} is {group.status}")
