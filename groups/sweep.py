"""Sets right what workers, Redis and the network left undone. One pass; safe beside running pulls and other sweeps.

The database says what is to be done, so a pass needs nothing but it: leases that ran out, pulls and manifests that
are due and may have lost their wake-up, credentials whose time is over and the keys that sealed them, nodes that went
silent, groups that lack instances, checks nobody waits for, images that no group has, blobs that no layer is kept in.
What happens to an abandoned pull is `groups.ingest.settle`'s to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone

from groups import checks, store
from groups.actions import delete_image
from groups.failures import StoreFailed
from groups.holds import destroy_settled
from groups.ingest import settle
from groups.ingest.claim import Claim
from groups.ingest.rows import referenced
from groups.ingest.steps import last_step
from groups.instances import top_up
from groups.models import Image, Instance, NodeManifest
from groups.nodes import drain
from groups.nodes.absence import release_silent
from groups.states import Stale
from groups.wakeups import waiting, wake_prepare, wake_pull
from registries.actions import destroy_overdue
from registries.epochs import begin_epoch, delete_past_epochs
from registries.failures import Interrupted

log = structlog.get_logger(__name__)

OVERLOOKED_SECONDS = 10
"""A wake-up that has not been heard for so long is sent again."""
GRACE_SECONDS = 3600
"""A blob younger than this may be about to get its layer, an image its group."""
BATCH = 500


def sweep() -> dict[str, int]:
    """Do one pass; return how much there was of each kind."""
    return {
        "leases_expired": expire_leases(),
        "credentials_destroyed": destroy_overdue() + destroy_settled(),
        "sealing_keys_made": begin_epoch(),
        "sealing_keys_deleted": delete_past_epochs(),
        "pulls_woken": wake_pulls(),
        "nodes_released": release_silent(),
        "instances_moved": drain.move_on(),
        "groups_topped_up": top_up(),
        "manifests_woken": wake_manifests(),
        "checks_ended": checks.end_overdue(),
        "checks_woken": checks.wake_overlooked(),
        "checks_removed": checks.remove_old(),
        "images_removed": remove_images(),
        "blobs_removed": remove_orphans(),
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
    grace = timedelta(seconds=GRACE_SECONDS)
    left = Image.objects.filter(groups__isnull=True, created_at__lt=Now() - grace).values_list("pk", flat=True)
    return sum(delete_image(image_id, older_than=grace) for image_id in left)


def remove_orphans() -> int:
    """Remove blobs that no layer is kept in, and half-written ones, once they are old enough that no pull that
    still goes on can be about to commit them. Returns how many; none where the storage is away."""
    before = timezone.now() - timedelta(seconds=GRACE_SECONDS)
    try:
        return store.remove_drafts(before=before) + sum(_remove_orphans(batch, before) for batch in _batches())
    except StoreFailed as failure:
        log.warning("orphans_stay", raw=failure.raw)
        return 0


def _remove_orphans(names: set[str], before: datetime) -> int:
    removed = 0
    for name in names - referenced(names):
        written = store.written_at(name)
        if written is None or written >= before:
            continue
        # Asked again, with the age known: a name that has no layer by now never gets one.
        with transaction.atomic():
            if referenced({name}):
                continue
        store.delete(name)
        removed += 1
    return removed


def _batches() -> Iterator[set[str]]:
    names = store.names()
    while batch := set(islice(names, BATCH)):
        yield batch


def _ago(seconds: int) -> Any:
    return Now() - timedelta(seconds=seconds)
