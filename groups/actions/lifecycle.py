"""Actions on a container group: create, start, stop, scale, retry, requeue, delete. One mutation per function.

Views, API, admin and commands call these; the portal decides who may, and forms and schemas validate the input. Each
action checks, changes and records in one transaction. Each raises `groups.rules.states.Stale` if the group is no longer
in a state that allows it; those that add something raise `groups.rules.quotas.QuotaRefusal` if the organization is at a
limit or suspended.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from django.db import transaction
from django.db.models.functions import Now

from groups.actions.images import delete_locked, lock_images, queue_image
from groups.ingest import outcome
from groups.ingest.claim import seize
from groups.ingest.credential_hold import Chosen, lock_credentials, record_settled, record_typed, stored_credential
from groups.models import ContainerGroup, Image
from groups.rules import quotas
from groups.rules.group_settings import MAX_REPLICAS, NameTaken
from groups.rules.replicas import add_instances, match_replicas, stop_group
from groups.rules.sealed_settings import seal_environment, seal_options
from groups.rules.states import Stale, move
from groups.rules.wakeups import wake_pull
from registries.foundation.activity import Target, Value, record
from registries.foundation.actor import Actor
from registries.foundation.ids import GroupId, OrganizationId, ProjectId
from registries.models import Credential, Trust
from registries.oci.reference import Reference, parse

Status = ContainerGroup.Status


def create(
    *,
    organization_id: OrganizationId,
    project_id: ProjectId,
    name: str,
    reference: Reference,
    credential: Chosen,
    replicas: int = 1,
    cpu: int = 1,
    memory_mb: int = 1024,
    gpu: str = "",
    command: list[str] | None = None,
    environment: dict[str, str] | None = None,
    restart_policy: str = ContainerGroup.RestartPolicy.ALWAYS,
    autostart: bool = False,
    platform: str = "",
    options: Mapping[str, object] | None = None,
    by: Actor,
) -> ContainerGroup:
    """Create the group in `pending` with its image in `queued`, and wake a worker on commit. The image is pulled with
    the credential, or by the trust; a new credential is stored with it. `options` are settings without a column
    (`groups.rules.sealed_settings`), `memory_mb` is in MB. `platform` is what its replicas run on, such as
    `linux/arm64`; without one, the pull chooses it (`groups.rules.platforms`). Raises NameTaken and
    `quotas.QuotaRefusal`."""
    group_id = GroupId(uuid.uuid4())
    with transaction.atomic():
        quota = quotas.lock_active_organization(organization_id)
        if ContainerGroup.objects.filter(project_id=project_id, name=name).exists():
            raise NameTaken
        quotas.allow_group(quota, replicas=replicas)
        stored = stored_credential(credential, reference, organization_id=organization_id, created_by_id=by.person_id)
        image = queue_image(organization_id, reference, stored, platform=platform)
        group = ContainerGroup.objects.create(
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
            created_by_id=by.person_id,
            options=seal_options(group_id, dict(options or {})),
        )
        record_typed(credential, stored, by=by)
        _record(by, "group.created", group, detail=image.reference, after={"replicas": replicas})
    return group


def retry(group: ContainerGroup, *, credential: Chosen, by: Actor) -> ContainerGroup:
    """Pull the same reference again for a failed group, or for one whose next image failed, with a stored credential, a
    new one, by a trust, or with none of them. Deletes the failed image's row; its Failure stays. A credential that the
    failed pull had kept is destroyed unless it is used again."""
    if group.next_image_id is None:
        _only_from(group, Status.FAILED)
    with transaction.atomic():
        quotas.lock_active_organization(group.organization_id)
        reference = _reference_of(group)
        stored = stored_credential(
            credential, reference, organization_id=group.organization_id, created_by_id=by.person_id
        )
        destroyed = _pull_again(group, stored)
        record_settled(destroyed)
        record_typed(credential, stored, by=by)
        _record(by, "group.retried", group)
    return group


def start(group: ContainerGroup, *, by: Actor) -> ContainerGroup:
    """Start the group: creates its instances in `allocating`, which polling nodes take."""
    _only_from(group, Status.STOPPED, Status.SUCCEEDED)
    with transaction.atomic():
        quotas.lock_active_organization(group.organization_id)
        move(group, to=Status.DEPLOYING, succeeded_replicas=0, failed_replicas=0, last_exit_code=None)
        add_instances(group)
        _record(by, "group.started", group)
    return group


def stop(group: ContainerGroup, *, by: Actor) -> ContainerGroup:
    """Stop the group: deletes instances without a node at once, the others when their node has stopped them."""
    _only_from(group, *ContainerGroup.ACTIVE)
    with transaction.atomic():
        stop_group(group)
        _record(by, "group.stopped", group)
    return group


def scale(group: ContainerGroup, replicas: int, *, by: Actor) -> ContainerGroup:
    """Set the number of replicas, 0 to 500. Takes effect at once in an active group, otherwise when it is started.
    Raises ValueError for other numbers."""
    if not 0 <= replicas <= MAX_REPLICAS:
        raise ValueError(f"replicas is a number from 0 to {MAX_REPLICAS}")
    with transaction.atomic():
        quota = quotas.lock_organization(group.organization_id)
        current = ContainerGroup.objects.select_for_update(no_key=True).filter(pk=group.pk).first()
        if current is None:
            raise Stale(f"ContainerGroup {group.pk} is gone")
        before = current.replicas
        if replicas != before:
            quotas.allow_replicas(quota, more=replicas - before)
            current.replicas = replicas
            ContainerGroup.objects.filter(pk=current.pk).update(replicas=replicas, changed_at=Now())
            match_replicas(current)
            _record(
                by,
                "group.changed",
                current,
                detail=f"{before} → {replicas} replicas",
                before={"replicas": before},
                after={"replicas": replicas},
            )
    group.refresh_from_db()
    return group


def requeue(image: Image, *, by: Actor) -> bool:
    """Begin a pull again at once, for an operator: one that waits for its next attempt, one whose worker is stuck (the
    worker loses its claim and can write nothing more), or a failed one that needs no new credential. Returns whether
    there was anything to do."""
    target = Target("image", image.pk, image.reference)
    with transaction.atomic():
        destroyed = None
        if image.status == Image.Status.FAILED:
            done, destroyed = _retry_failed(image)
        elif image.status == Image.Status.QUEUED:
            queued = Image.objects.filter(pk=image.pk, status=Image.Status.QUEUED)
            done = bool(queued.update(not_before=None))
            wake_pull(image.pk)
        else:
            done = _release(image)
        record_settled(destroyed)
        if done:
            record(by, "group.requeued", target, organization_id=image.organization_id)
    return done


def delete(group: ContainerGroup, *, by: Actor) -> None:
    """Delete the group with its images; does nothing if it was deleted already. A pull in progress loses its row and
    stops; `groups.sweep` collects the blobs. Failure records and the delivery ledger stay."""
    target = Target("group", group.pk, group.name)
    organization_id = group.organization_id
    with transaction.atomic():
        try:
            images = [image for image in lock_images(group) if image is not None]
        except Stale:
            return
        lock_credentials([image.credential_id for image in images])
        group.delete()
        for destroyed in [delete_locked(image) for image in images]:
            record_settled(destroyed)
        record(by, "group.deleted", target, organization_id=organization_id)


def _reference_of(group: ContainerGroup) -> Reference:
    """Return what the group pulls again. Raises Stale if it was deleted, or no pull of it has failed."""
    current = ContainerGroup.objects.select_related("image", "next_image").filter(pk=group.pk).first()
    if current is None or current.failed_image is None:
        raise Stale(f"ContainerGroup {group.pk} is gone, or no longer failed")
    return parse(current.failed_image.reference)


def _retry_failed(image: Image) -> tuple[bool, Credential | None]:
    """Pull the failed image again for its group, if that needs no new credential. Returns whether it did, and the
    credential that was destroyed with the failed image."""
    held = image.credential if image.credential is not None and image.credential.is_live else None
    credential = image.trust if image.trust is not None and image.trust.is_live else held
    group = image.groups.filter(status=Status.FAILED).first() or image.next_for.first()
    if group is None or (image.provider and credential is None):
        return False, None  # only a member can give another credential
    quotas.lock_active_organization(image.organization_id)
    try:
        with transaction.atomic():
            return True, _pull_again(group, credential)
    except Stale:
        return False, None


def _pull_again(group: ContainerGroup, credential: Credential | Trust | None) -> Credential | None:
    """Replace the failed image by a queued one. The caller has locked the quota. Returns the credential that the failed
    pull had kept, if another one takes its place and it was destroyed. Raises Stale if no pull of the group has failed
    any more."""
    current, next_image = lock_images(group)
    group.refresh_from_db(fields=["status"])
    failed = current if group.status == Status.FAILED else next_image
    if failed is None or (failed is next_image and failed.status != Image.Status.FAILED):
        raise Stale(f"ContainerGroup {group.pk} is no longer failed")
    lock_credentials([failed.credential_id, credential.pk if isinstance(credential, Credential) else None])
    image = queue_image(group.organization_id, parse(failed.reference), credential, platform=failed.chosen_platform)
    if failed is current:
        move(group, to=Status.PENDING, image=image)
    else:
        ContainerGroup.objects.filter(pk=group.pk).update(next_image=image, changed_at=Now())
    return delete_locked(failed)


def _release(image: Image) -> bool:
    claimed = seize(image.pk)
    if claimed is None:
        return False
    outcome.release(claimed)
    return True


def _record(
    by: Actor,
    action: str,
    group: ContainerGroup,
    *,
    detail: str = "",
    before: Mapping[str, Value] | None = None,
    after: Mapping[str, Value] | None = None,
) -> None:
    target = Target("group", group.pk, group.name)
    record(by, action, target, organization_id=group.organization_id, detail=detail, before=before, after=after)


def _only_from(group: ContainerGroup, *statuses: str) -> None:
    """Raise Stale unless the group has one of these statuses. The table of transitions allows more than actions do: for
    example, only the end of its pull takes a group out of `pending`."""
    if group.status not in statuses:
        raise Stale(f"ContainerGroup {group.pk} is {group.status}")
