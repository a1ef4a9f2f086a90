"""What can be done to a container group: create, start, stop, retry, delete. One mutation per function.

Views, API and commands come here; who may is the portal's, what is valid input the forms'. Each raises
`groups.states.Stale` when the group is no longer in a state that allows it.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from groups.environment import seal_environment
from groups.holds import settle_credential
from groups.instances import add_instances, end_instances
from groups.models import ContainerGroup, Image
from groups.states import Stale, move
from groups.wakeups import wake_pull
from registries.actions import extend_for_pull, pull_seconds
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
    command: list[str] | None = None,
    environment: dict[str, str] | None = None,
    restart_policy: str = ContainerGroup.RestartPolicy.ALWAYS,
    autostart: bool = False,
    created_by_id: Any = None,
) -> ContainerGroup:
    """Write the group as `pending` with its image `queued`, and wake a worker. Raises IntegrityError when the
    project has a group of this name."""
    group_id = uuid.uuid4()
    with transaction.atomic():
        image = _queue_image(organization_id, reference, credential)
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
            command=command or [],
            environment=seal_environment(group_id, environment or {}),
            restart_policy=restart_policy,
            created_by_id=created_by_id,
        )


def retry(group: ContainerGroup, *, credential: Credential | None) -> ContainerGroup:
    """Pull the same reference again for a failed group, with a new credential or none. The failed image's row goes;
    its record, the Failure, stays."""
    _only_from(group, Status.FAILED)
    failed = group.image
    with transaction.atomic():
        image = _queue_image(group.organization_id, parse(failed.reference), credential)
        move(group, to=Status.PENDING, image=image)
        failed.delete()
    return group


def start(group: ContainerGroup) -> ContainerGroup:
    """Have the group's replicas run: instances are written as `allocating`, and nodes that poll take them."""
    _only_from(group, Status.STOPPED, Status.SUCCEEDED)
    with transaction.atomic():
        move(group, to=Status.DEPLOYING)
        add_instances(group)
    return group


def stop(group: ContainerGroup) -> ContainerGroup:
    """Stop the group: instances without a node go at once, the others when their node hears of it."""
    _only_from(group, Status.DEPLOYING, Status.RUNNING)
    with transaction.atomic():
        move(group, to=Status.STOPPED)
        end_instances(group)
    return group


def delete(group: ContainerGroup) -> None:
    """Delete the group with its image. A pull in progress loses its row and stops; blobs are collected by `sweep`.
    Failure records and the delivery ledger stay."""
    with transaction.atomic():
        image = Image.objects.select_for_update().filter(pk=group.image_id).first()
        group.delete()
        if image is None:
            return
        credential_id = image.credential_id
        image.delete()
        if credential_id is not None:
            settle_credential(credential_id)


def _only_from(group: ContainerGroup, *statuses: str) -> None:
    """Raise Stale for what members can't do now, though the table has such a move for somebody else: only the end
    of its pull takes a group out of `pending`."""
    if group.status not in statuses:
        raise Stale(f"ContainerGroup {group.pk} is {group.status}")


def _queue_image(organization_id: Any, reference: Reference, credential: Credential | None) -> Image:
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
