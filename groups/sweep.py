"""Sets right what workers, Redis and the network left undone. One pass; safe beside running pulls and other sweeps.

The database says what is to be done, so a pass needs nothing but it: leases that ran out, pulls and manifests that
are due and may have lost their wake-up, credentials whose time is over and the keys that sealed them, nodes that went
silent, groups that lack instances, checks nobody waits for, images that no group has, what may leave the store, and
what the database's log still holds of destroyed credentials.
What happens to an abandoned pull is `groups.ingest.settle`'s to say.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from groups import checks, garbage
from groups.actions import delete_image
from groups.holds import destroy_settled
from groups.ingest import settle
from groups.ingest.claim import Claim
from groups.ingest.steps import last_step
from groups.instances import top_up
from groups.models import Image, Instance, NodeManifest
from groups.nodes.absence import release_silent
from groups.states import Stale
from groups.wakeups import waiting, wake_prepare, wake_pull
from registries import remains
from registries.actions import destroy_overdue
from registries.epochs import begin_epoch, delete_past_epochs
from registries.failures import Interrupted

log = structlog.get_logger(__name__)

OVERLOOKED_SECONDS = 10
"""A wake-up that has not been heard for so long is sent again."""


def sweep(*, thorough: bool = True) -> dict[str, int]:
    """Do one pass; return how much there was of each kind. Only a `thorough` one looks through the whole store."""
    return {
        "leases_expired": expire_leases(),
        "credentials_destroyed": destroy_overdue() + destroy_settled(),
        "sealing_keys_made": begin_epoch(),
        "sealing_keys_deleted": delete_past_epochs(),
        "pulls_woken": wake_pulls(),
        "nodes_released": release_silent(),
        "groups_topped_up": top_up(),
        "manifests_woken": wake_manifests(),
        "checks_ended": checks.end_overdue(),
        "checks_woken": checks.wake_overlooked(),
        "checks_removed": checks.remove_old(),
        "images_removed": remove_images(),
        **(garbage.sweep() if thorough else {"blobs_removed": garbage.collect()}),
        "remains_left": int(not remains.clear()),
    }


def expire_leases() -> int:
    """Settle pulls whose worker is gone: tried again or failed, as interrupted."""
    expired = 0
    for image in Image.objects.filter(status=Image.Status.PULLING, lease_expires_at__lt=Now()):
        if image.lease is None:
            continue
        try:
            settle.fail(Claim(image, image.lease), Interrupted(), step=last_step(image), overdue=True)
            expired += 1
        except Stale:
            continue  # its worker came back, or another sweep was first
    return expired


def wake_pulls() -> int:
    """Wake workers for pulls that are due. Where the queue holds as many jobs as there are such pulls, they were
    woken already and wait for a free worker."""
    overlooked = Q(not_before__isnull=True, created_at__lt=_ago(OVERLOOKED_SECONDS)) | Q(not_before__lte=Now())
    due = list(Image.objects.filter(overlooked, status=Image.Status.QUEUED).values_list("pk", flat=True))
    if len(due) <= waiting("pulls"):
        return 0
    for image_id in due:
        wake_pull(image_id)
    return len(due)


def wake_manifests() -> int:
    """Wake workers for instances that a node has and that have no manifest for that node yet."""
    made = NodeManifest.objects.filter(image=OuterRef("group__image"), node=OuterRef("node"))
    due = list(
        Instance.objects.filter(
            ~Exists(made),
            node__isnull=False,
            state=Instance.State.ALLOCATING,
            assigned_at__lt=_ago(OVERLOOKED_SECONDS),
        ).values_list("pk", flat=True)
    )
    if len(due) <= waiting("nodes"):
        return 0
    for instance_id in due:
        wake_prepare(instance_id)
    return len(due)


def remove_images() -> int:
    """Delete images that no group has, with their hold on a credential. Returns how many."""
    grace = timedelta(seconds=settings.PORTAL_BLOB_GRACE_SECONDS)
    left = Image.objects.filter(groups__isnull=True, created_at__lt=Now() - grace).values_list("pk", flat=True)
    return sum(delete_image(image_id, older_than=grace) for image_id in left)


def _ago(seconds: int) -> Any:
    return Now() - timedelta(seconds=seconds)
