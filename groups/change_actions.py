"""What can be changed of a container group that is there: its options, what its nodes run, and its image.

What nodes run comes in a new version: instances of the old one are asked to stop and new ones written. Another image is
pulled first; the group goes on as it is until that is here, and `groups.quotas.Refused` while the organization is
suspended. Each raises `groups.states.Stale` when the group is gone.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from groups import quotas
from groups.environment import seal_environment
from groups.images import delete_locked, drop, lock_images, queue_image
from groups.instances import renew_instances
from groups.models import ContainerGroup
from groups.options import seal_options
from groups.states import Stale, move
from registries.models import Credential
from registries.oci.reference import Reference

Status = ContainerGroup.Status


def lock(group: ContainerGroup) -> None:
    """Lock what a change of the group may write, in the order of all locks, and read the group anew."""
    quotas.lock(group.organization_id)
    lock_images(group)
    group.refresh_from_db()


def change(
    group: ContainerGroup, *, options: dict[str, Any], environment: dict[str, str] | None = None, **columns: Any
) -> ContainerGroup:
    """Give the group these options and columns (`command`, `cpu`, `memory_mb`, `gpu`), and this environment unless it
    is None. Where that is something that nodes run, it is a new version."""
    if environment is not None:
        columns["environment"] = seal_environment(group.pk, environment)
    with transaction.atomic():
        rows = ContainerGroup.objects.filter(pk=group.pk)
        current = rows.select_for_update(of=("self",)).first()
        if current is None:
            raise Stale(f"ContainerGroup {group.pk} is gone")
        values = columns | {"options": seal_options(group.pk, options), "changed_at": Now()}
        rows.update(**values, **({"version": F("version") + 1} if columns else {}))
        if columns:
            current.refresh_from_db()
            renew_instances(current)
    group.refresh_from_db()
    return group


def replace_image(group: ContainerGroup, *, reference: Reference, credential: Credential | None) -> ContainerGroup:
    """Have another image pulled for the group. One that waits for its pull, or whose pull failed, waits for this one
    from now on; any other goes on with what it has and takes the new one over when it is here."""
    with transaction.atomic():
        quotas.hold(group.organization_id)
        has, follower = lock_images(group)
        group.refresh_from_db()
        image = queue_image(group.organization_id, reference, credential)
        rows = ContainerGroup.objects.filter(pk=group.pk)
        if group.status == Status.FAILED:
            move(group, to=Status.PENDING, image=image, version=F("version") + 1)
            drop(has)
        elif group.status == Status.PENDING:
            rows.update(image=image, version=F("version") + 1, changed_at=Now())
            delete_locked(has)
        else:
            rows.update(next_image=image, changed_at=Now())
            if follower is not None:
                delete_locked(follower)
    group.refresh_from_db()
    return group
