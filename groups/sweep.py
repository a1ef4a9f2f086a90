"""Completes what workers, Redis and the network left undone, in one pass. Safe alongside pulls and other sweeps.

A pass needs only the database: it finds expired leases, due pulls and manifests that may have lost their wake-up,
expired credentials and the keys that sealed them, silent nodes, groups that lack instances, overdue checks, images
without a group, unused blobs, and what the database's log still holds of destroyed credentials.
`groups.ingest.outcome` decides what happens to an abandoned pull.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from typing import TypeAlias

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Q
from django.db.models.functions import Now

from groups.actions import checks, suspension
from groups.actions.images import delete_image
from groups.ingest import failed_attempts, outages, outcome
from groups.ingest.claim import Claim
from groups.ingest.credential_hold import destroy_settled
from groups.ingest.steps import last_step
from groups.models import Image, SweepPass
from groups.nodes import drain, manifests
from groups.nodes.liveness import release_silent
from groups.nodes.manifest_signing import publish_key
from groups.nodes.vouching import vouch_enrolled
from groups.rules.replicas import top_up
from groups.rules.states import Stale
from groups.rules.wakeups import WAKEUP_LOST_AFTER, wake_again, wake_prepare, wake_pull
from groups.storage import garbage
from registries.actions import destroy_overdue, destroy_unopenable, note_destroyed, note_tls_hosts
from registries.failures import Interrupted
from registries.foundation.actor import PORTAL
from registries.secrets import issuer_rotation, sqlite_remnants
from registries.secrets.epochs import begin_epoch, delete_past_epochs
from registries.trusts.rows import delete_old_uses

Step: TypeAlias = "tuple[str, Callable[[], int | dict[str, int]]]"
"""A part of a pass: what it counts, and the function that does it; or one that counts several things by their names."""

log = structlog.get_logger(__name__)


def sweep(*, thorough: bool = True) -> dict[str, int]:
    """Do one pass, store when it ended, and return how many there were of each kind. Only a `thorough` pass lists
    every object in the store. Raises as `run_all` does; such a pass isn't stored, so that operators are alerted."""
    started_at = time.monotonic()
    counts = run_all(_steps(thorough))
    SweepPass.objects.update_or_create(
        pk=1, defaults={"ended_at": Now(), "seconds": time.monotonic() - started_at, "counts": counts}
    )
    return counts


def run_all(steps: Iterable[Step]) -> dict[str, int]:
    """Run each step and return what they count, by name. One that fails, such as on a row that somebody wrote past the
    portal, is logged and doesn't keep the ones after it from running; then raises the first failure. Without a database
    it is raised at once."""
    counts: dict[str, int] = {}
    failures: list[Exception] = []
    for name, step in steps:
        try:
            found = step()
        except Exception as error:
            log.error("sweep_step_failed", step=name, error=type(error).__name__)
            failures.append(error)
            if isinstance(error, DatabaseError) and not connection.is_usable():
                break
        else:
            counts |= {name: counts.get(name, 0) + found} if isinstance(found, int) else found
    if failures:
        raise failures[0]
    return counts


def _steps(thorough: bool) -> list[Step]:
    return [
        ("leases_expired", expire_leases),
        ("credentials_destroyed", partial(destroy_overdue, by=PORTAL)),
        ("credentials_destroyed", destroy_settled),
        ("credentials_destroyed", partial(destroy_unopenable, by=PORTAL)),
        ("credentials_noted", note_destroyed),
        ("tls_hosts_noted", note_tls_hosts),
        ("sealing_keys_created", begin_epoch),
        ("sealing_keys_deleted", delete_past_epochs),
        ("issuer_keys_rotated", issuer_rotation.keep_schedule),
        ("pulls_woken", wake_pulls),
        ("nodes_released", release_silent),
        ("instances_moved", drain.move_next_instances),
        ("groups_topped_up", top_up),
        ("node_keys_vouched", vouch_enrolled),
        ("manifest_keys_published", publish_key),
        ("manifests_woken", wake_manifests),
        ("checks_ended", checks.end_overdue),
        ("checks_woken", checks.wake_queued),
        ("checks_removed", checks.remove_old),
        ("suspended_ended", suspension.sweep),
        ("outages_noted", outages.note_outages),
        ("outages_deleted", outages.delete_old),
        ("failed_attempts_deleted", failed_attempts.delete_old),
        ("trust_uses_deleted", delete_old_uses),
        ("images_removed", remove_images),
        ("blobs_removed", garbage.sweep if thorough else garbage.collect),
        ("remnants_left", lambda: int(not sqlite_remnants.clear())),
    ]


def expire_leases() -> int:
    """Settle pulls whose worker is gone as interrupted: queued for another attempt, or failed. Returns how many."""
    expired = 0
    for image in Image.objects.abandoned():
        if image.lease is None:
            continue
        try:
            outcome.fail(Claim(image, image.lease), Interrupted(), step=last_step(image), overdue=True)
            expired += 1
        except Stale:
            continue  # its worker has renewed the lease, or another sweep settled it
    return expired


def wake_pulls() -> int:
    """Wake workers for pulls that are due. Returns how many."""
    just_woken = Q(not_before__isnull=True, created_at__gte=Now() - WAKEUP_LOST_AFTER)
    due = Image.objects.startable().exclude(just_woken)
    return wake_again("pulls", wake_pull, list(due.values_list("pk", flat=True)))


def wake_manifests() -> int:
    """Wake workers for manifests that nodes wait for. Returns how many."""
    due = manifests.missing().filter(assigned_at__lt=Now() - WAKEUP_LOST_AFTER)
    return wake_again("nodes", wake_prepare, due.values_list("pk", flat=True))


def remove_images() -> int:
    """Delete images that no group uses, and release their credentials. Returns how many."""
    grace = timedelta(seconds=settings.PORTAL_BLOB_GRACE_SECONDS)
    unused = Image.objects.filter(groups__isnull=True, next_for__isnull=True, created_at__lt=Now() - grace).values_list(
        "pk", flat=True
    )
    return sum(delete_image(image_id, older_than=grace) for image_id in unused)
