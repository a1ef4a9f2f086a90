"""What an organization may have at once, and what is refused where it would have more or is suspended.

Limits stand on the organization's row, and None is no limit. Whoever adds something locks that row first (`hold`), so
that of two who add at once the second counts what the first wrote; locks go organization, image, group. What a pull
may store is reserved by its layers' rows before any of them comes. Lowering a limit takes nothing away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Sum

from groups.failures import StorageQuotaReached
from groups.models import Blob, ContainerGroup, Image, Layer
from registries.foundation.refusal import Refusal
from registries.foundation.units import format_size
from registries.oci.manifest import Manifest


class QuotaRefusal(Refusal):
    """The organization may not have this now, because of a limit or because it is suspended."""

    status = 403


class RefusedWhileSuspended(QuotaRefusal):
    code = "organization_suspended"
    title = "This organization is suspended"

    def __init__(self) -> None:
        super().__init__(
            "Nothing can be started, pulled or checked while this organization is suspended. Support tells you more."
        )


class GroupQuotaReached(QuotaRefusal):
    code = "group_quota_reached"
    title = "No more groups fit"

    def __init__(self, *, used: int, limit: int) -> None:
        super().__init__(
            f"This organization has {used} container groups, and may have {limit}. "
            "Delete one that is not needed, or ask support for more."
        )


class ReplicaQuotaReached(QuotaRefusal):
    code = "replica_quota_reached"
    title = "No more replicas fit"

    def __init__(self, *, used: int, limit: int, more: int) -> None:
        super().__init__(
            f"The groups of this organization have {used} replicas together and may have {limit}; {more} more don't "
            "fit. Use fewer here, scale another group down, or ask support for more."
        )


@dataclass(frozen=True)
class Usage:
    """What an organization has of what is limited. Bytes are those of encrypted layers."""

    groups: int
    replicas: int
    stored_bytes: int
    pulls: int


def usage(organization_id: Any) -> Usage:
    """Count what there is, in four queries."""
    groups = ContainerGroup.objects.filter(organization_id=organization_id)
    return Usage(
        groups=groups.count(),
        replicas=_replicas(organization_id),
        stored_bytes=stored_bytes(organization_id),
        pulls=pulls_going_on(organization_id),
    )


def hold(organization_id: Any) -> Any:
    """Lock the organization's row until the transaction ends and return it. Raises RefusedWhileSuspended."""
    organization = lock(organization_id)
    allow_active(organization)
    return organization


def lock(organization_id: Any) -> Any:
    """Let what the organization has be counted one request after the other."""
    organizations: Any = ContainerGroup._meta.get_field("organization").related_model
    return organizations.objects.select_for_update(no_key=True).get(pk=organization_id)


def allow_active(organization: Any) -> None:
    """Raise RefusedWhileSuspended where the organization is suspended. Its row is held."""
    if organization.suspended_at is not None:
        raise RefusedWhileSuspended


def allow_group(organization: Any, *, replicas: int) -> None:
    """Raise GroupQuotaReached or ReplicaQuotaReached where another group with so many replicas doesn't fit. The
    organization's row is held."""
    if organization.max_groups is not None:
        used = ContainerGroup.objects.filter(organization=organization).count()
        if used >= organization.max_groups:
            raise GroupQuotaReached(used=used, limit=organization.max_groups)
    allow_replicas(organization, more=replicas)


def allow_replicas(organization: Any, *, more: int) -> None:
    """Raise ReplicaQuotaReached where so many more don't fit; fewer always do. Replicas count whether they run or
    not. The organization's row is held."""
    if organization.max_replicas is None or more <= 0:
        return
    used = _replicas(organization.pk)
    if used + more > organization.max_replicas:
        raise ReplicaQuotaReached(used=used, limit=organization.max_replicas, more=more)


def allow_storing(organization: Any, manifest: Manifest, *, but: Image | None = None) -> None:
    """Raise StorageQuotaReached where the image's layers, beside what is stored and what other pulls are about to
    store, are too many bytes. `but` is the image itself. What the organization has of them already costs nothing."""
    if organization.max_stored_bytes is None:
        return
    sizes = {layer.digest: layer.size for layer in manifest.layers}
    here = Blob.objects.filter(organization=organization, source_digest__in=list(sizes))
    known = set(here.values_list("source_digest", flat=True))
    more = sum(size for digest, size in sizes.items() if digest not in known)
    used = stored_bytes(organization.pk) + _reserved(organization.pk, but)
    if used + more > organization.max_stored_bytes:
        raise StorageQuotaReached(
            used=format_size(used),
            more=format_size(more),
            limit=format_size(organization.max_stored_bytes),
            raw="quota",
        )


def stored_bytes(organization_id: Any) -> int:
    """Bytes of the blobs that the organization's layers are kept in. What nothing uses any more doesn't count."""
    kept = Blob.objects.used().filter(organization_id=organization_id)
    return kept.aggregate(sum=Sum("size"))["sum"] or 0


def pulls_going_on(organization_id: Any) -> int:
    """How many of the organization's pulls a worker has."""
    return Image.objects.pulling().filter(organization_id=organization_id).count()


def has_room_for_pull(organization: Any) -> bool:
    """Whether another pull may begin. The organization's row is locked."""
    return organization.max_pulls is None or pulls_going_on(organization.pk) < organization.max_pulls


def _replicas(organization_id: Any) -> int:
    groups = ContainerGroup.objects.filter(organization_id=organization_id)
    return groups.aggregate(sum=Sum("replicas"))["sum"] or 0


def _reserved(organization_id: Any, but: Image | None) -> int:
    """Bytes that pulls have still to store, each layer of an image once."""
    coming = Layer.objects.filter(
        image__status__in=[Image.Status.PULLING, Image.Status.QUEUED],
        image__organization_id=organization_id,
        blob__isnull=True,
    ).order_by()
    if but is not None:
        coming = coming.exclude(image=but)
    return sum(size for _, _, size in coming.values_list("image_id", "digest", "size").distinct())
