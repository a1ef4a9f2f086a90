"""The limits of an organization, and the refusals when it reaches one or is suspended.

Limits and suspension are in the organization's Quota. Code that adds something locks that row first
(`lock_active_organization`), so that of two additions at once the second counts the first; the lock order is quota,
image, group. A pull reserves its storage with its layers' rows, before any layer arrives. Lowering a limit removes
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from django.db.models import Sum, UUIDField, Value

from groups.failures import StorageQuotaReached
from groups.models import Blob, ContainerGroup, Image, Layer, Quota
from registries.foundation.ids import OrganizationId
from registries.foundation.refusal import Refusal
from registries.foundation.units import format_size
from registries.oci.manifest import Manifest


class QuotaRefusal(Refusal):
    """A limit or a suspension of the organization forbids this."""

    status = 403


class RefusedWhileSuspended(QuotaRefusal):
    code = "organization_suspended"
    title = "This organization is suspended"

    def __init__(self) -> None:
        super().__init__(
            "Nothing can be started, pulled or checked while this organization is suspended. Ask support about it."
        )


class GroupQuotaReached(QuotaRefusal):
    code = "group_quota_reached"
    title = "Container group limit reached"

    def __init__(self, *, used: int, limit: int) -> None:
        super().__init__(
            f"This organization has {used} container groups and may have {limit}. "
            "Delete one that you don't need, or ask support for more."
        )


class ReplicaQuotaReached(QuotaRefusal):
    code = "replica_quota_reached"
    title = "Replica limit reached"

    def __init__(self, *, used: int, limit: int, more: int) -> None:
        super().__init__(
            f"The groups of this organization have {used} replicas together and may have {limit}; {more} more don't "
            "fit. Use fewer here, scale another group down, or ask support for more."
        )


@dataclass(frozen=True)
class Usage:
    """What an organization uses of its limits. Bytes are those of encrypted layers."""

    groups: int
    replicas: int
    stored_bytes: int
    pulls: int


class Organization(Protocol):
    """An organization with its quota, such as the portal's model."""

    pk: OrganizationId

    @property
    def quota(self) -> Quota: ...


def usage(organization_id: OrganizationId) -> Usage:
    """Count what the organization uses, in four queries."""
    groups = ContainerGroup.objects.filter(organization_id=organization_id)
    return Usage(
        groups=groups.count(),
        replicas=_replicas(organization_id),
        stored_bytes=stored_bytes(organization_id),
        pulls=pulls_in_progress(organization_id),
    )


def lock_active_organization(organization_id: OrganizationId) -> Quota:
    """Lock the organization's quota until the transaction ends and return it. Raises RefusedWhileSuspended."""
    quota = lock_organization(organization_id)
    allow_active(quota)
    return quota


def lock_organization(organization_id: OrganizationId) -> Quota:
    """Lock the organization's quota until the transaction ends and return it, so that only one request at a time counts
    and adds. Creates a missing row."""
    quota, _ = Quota.objects.select_for_update(no_key=True).get_or_create(organization_id=organization_id)
    return quota


def quota_of(organization: Organization) -> Quota:
    """The organization's quota; one without limits if it has no row. Costs a query unless the organization was read
    with `select_related("quota")`."""
    try:
        return organization.quota
    except Quota.DoesNotExist:
        return Quota(organization_id=organization.pk)


def read_quota(organization_id: OrganizationId) -> Quota:
    """The quota of an organization by id, in one query; one without limits if it has no row."""
    return Quota.objects.filter(pk=organization_id).first() or Quota(organization_id=organization_id)


def allow_active(quota: Quota) -> None:
    """Raise RefusedWhileSuspended if the organization is suspended. The caller has locked the quota."""
    if quota.suspended_at is not None:
        raise RefusedWhileSuspended


def allow_group(quota: Quota, *, replicas: int) -> None:
    """Raise GroupQuotaReached or ReplicaQuotaReached if another group with this number of replicas exceeds a limit. The
    caller has locked the quota."""
    if quota.max_groups is not None:
        used = ContainerGroup.objects.filter(organization_id=quota.organization_id).count()
        if used >= quota.max_groups:
            raise GroupQuotaReached(used=used, limit=quota.max_groups)
    allow_replicas(quota, more=replicas)


def allow_replicas(quota: Quota, *, more: int) -> None:
    """Raise ReplicaQuotaReached if `more` additional replicas exceed the limit; fewer never do. Replicas count whether
    they run or not. The caller has locked the quota."""
    if quota.max_replicas is None or more <= 0:
        return
    used = _replicas(quota.organization_id)
    if used + more > quota.max_replicas:
        raise ReplicaQuotaReached(used=used, limit=quota.max_replicas, more=more)


def allow_storing(quota: Quota, manifest: Manifest, *, excluding: Image | None = None) -> None:
    """Raise StorageQuotaReached if the image's layers, added to the stored bytes and those that other pulls have
    reserved, exceed the limit. `excluding` is the image's own row, whose reservation doesn't count. Layers that the
    organization has stored already cost nothing."""
    if quota.max_stored_bytes is None:
        return
    sizes = {layer.digest: layer.size for layer in manifest.layers}
    blobs = Blob.objects.filter(organization_id=quota.organization_id, source_digest__in=list(sizes))
    stored = set(blobs.values_list("source_digest", flat=True))
    more = sum(size for digest, size in sizes.items() if digest not in stored)
    used = _stored_and_reserved(quota.organization_id, excluding)
    if used + more > quota.max_stored_bytes:
        raise StorageQuotaReached(
            used=format_size(used),
            more=format_size(more),
            limit=format_size(quota.max_stored_bytes),
            raw="quota",
        )


def stored_bytes(organization_id: OrganizationId) -> int:
    """Bytes of the organization's blobs that a layer uses."""
    used = Blob.objects.used().filter(organization_id=organization_id)
    return used.aggregate(sum=Sum("size"))["sum"] or 0


def pulls_in_progress(organization_id: OrganizationId) -> int:
    """Number of the organization's pulls that a worker has claimed."""
    return Image.objects.pulling().filter(organization_id=organization_id).count()


def has_room_for_pull(quota: Quota) -> bool:
    """Whether another pull may begin. A caller that begins one has locked the quota."""
    return quota.max_pulls is None or pulls_in_progress(quota.organization_id) < quota.max_pulls


def _replicas(organization_id: OrganizationId) -> int:
    groups = ContainerGroup.objects.filter(organization_id=organization_id)
    return groups.aggregate(sum=Sum("replicas"))["sum"] or 0


def _stored_and_reserved(organization_id: OrganizationId, excluding: Image | None) -> int:
    """Bytes that are stored, and bytes that unfinished pulls still have to store; a layer that an image lists twice
    counts once. In one statement: between two, a layer that was just stored would be in neither."""
    pending = Layer.objects.filter(
        image__status__in=[Image.Status.PULLING, Image.Status.QUEUED],
        image__organization_id=organization_id,
        blob__isnull=True,
    ).order_by()
    if excluding is not None:
        pending = pending.exclude(image=excluding)
    stored = Blob.objects.used().filter(organization_id=organization_id).order_by().values("organization_id")
    total = stored.annotate(image=Value(None, UUIDField()), layer=Value(""), bytes=Sum("size"))
    rows = pending.values_list("image_id", "digest", "size").union(total.values_list("image", "layer", "bytes"))
    return sum(int(size) for _, _, size in rows)
