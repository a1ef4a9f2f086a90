"""How a pull ends: ready, queued for another attempt, failed, or released. Each in one transaction behind the fence.

Locks are taken in one order: image, groups, credential, and last the organization's activity, which records that the
portal destroyed a credential. So pulls of one organization may end at the same time.

There is one retry mechanism: the row goes back to `queued` with `not_before`, and `groups.sweep` wakes a worker
then. The credential is kept as long as another attempt may follow. After the last one it is destroyed if it was itself
what failed; otherwise it is kept until its deadline, so that a member can try again without entering it.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import structlog
from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now

from groups import failpoints
from groups.failpoints import reached
from groups.ingest import failed_attempts
from groups.ingest.claim import Claim, seize
from groups.ingest.credential_hold import record_settled, settle_credential
from groups.ingest.steps import Name, fail_running, last_step, trace, write_done
from groups.models import ContainerGroup, Failure, Image, Layer, Quota
from groups.rules.replicas import add_instances, promote_next_image
from groups.rules.states import Stale, move
from groups.rules.wakeups import wake_pull
from groups.storage import garbage
from registries.credential_rows import extend_for_pull, record_kept
from registries.failures import Interrupted, PullFailed, printable
from registries.foundation.clock import database_now
from registries.foundation.ids import ImageId
from registries.models import Credential

log = structlog.get_logger(__name__)


class _Released(NamedTuple):
    """What became of a credential when its pull ended: destroyed now, or kept to try again. Neither where it was gone,
    or is another's to end."""

    destroyed: Credential | None
    kept: Credential | None


MAX_ATTEMPTS = 5
MAX_INTERRUPTED_ATTEMPTS = 3
"""A pull whose attempts are interrupted this often is not tried again."""
PAUSE_FACTOR = 3.0
JITTER = 0.25
YIELDED = "Paused: its turn was over"
_NO_LEASE = {"lease": None, "lease_expires_at": None, "not_before": None}


def finish(claim: Claim) -> None:
    """Make the image ready and its groups `stopped`, or `deploying` where they start automatically. Raises Stale."""
    reached(failpoints.FINISHING)
    with claim.fenced() as image:
        _settle(claim, image, Image.Status.READY)
        _wake_next(image)
        for group in _waiting_groups(image):
            if group.autostart:
                move(group, to=ContainerGroup.Status.DEPLOYING)
                add_instances(group)
            else:
                move(group, to=ContainerGroup.Status.STOPPED)
        promote_next_image(image)
        destroyed, _ = _release_credential(image)
        reached(failpoints.FINISHING_INSIDE)
        record_settled(destroyed)
    reached(failpoints.FINISHED)
    log.info("pull_ready", image=str(image.pk), attempt=image.attempt, bytes=image.total_bytes)


def fail(claim: Claim, failure: PullFailed, *, step: str, overdue: bool = False) -> bool:
    """Queue another attempt where that may help and is still allowed, else fail the pull for good.

    `overdue` is for a lease that has expired: raises Stale if it has been renewed. Returns whether another attempt
    follows. Raises Stale where the claim is lost.
    """
    only = {"lease_expires_at__lt": Now()} if overdue else {}
    reached(failpoints.FAILING)
    with claim.fenced(**only) as image:
        fail_running(image, failure.words.title)
        due = _next_attempt(image, failure)
        failed_attempts.add(image, failure, step, final=due is None)
        _wake_next(image)
        destroyed = kept = None
        if due is not None:
            _queue_again(claim, image, failure, due)
        else:
            destroyed, kept = _fail_for_good(claim, image, failure, step)
        reached(failpoints.FAILING_INSIDE)
        record_settled(destroyed)
        if kept is not None:
            record_kept(kept)
    reached(failpoints.FAILED)
    log.warning(
        "pull_failed", image=str(image.pk), attempt=image.attempt, step=step, code=failure.code, raw=failure.raw,
        again_at=due,
    )  # fmt: skip
    return due is not None


def fail_unsettled(image_id: ImageId, failure: PullFailed) -> bool:
    """Fail a pull that must not continue, even if a worker holds it; return whether it was still unsettled."""
    claim = seize(image_id)
    if claim is None:
        return False
    try:
        fail(claim, failure, step=last_step(claim.image))
    except Stale:
        return False
    return True


def release(claim: Claim, *, yielding: bool = False) -> None:
    """Put the pull back into the queue at once, for another worker; `yielding` where it makes room for another
    organization's. Raises Stale."""
    reached(failpoints.RELEASING)
    with claim.fenced() as image:
        fail_running(image, YIELDED if yielding else "Handed over to another worker")
        Layer.objects.filter(image=image, committed_at__isnull=True).update(received=0)
        move(
            image,
            to=Image.Status.QUEUED,
            only={"lease": claim.lease},
            handed_over=F("handed_over") + 1,
            yielded_at=Now() if yielding else None,
            **_NO_LEASE,
        )
        # It waits for a worker again, so its credential is kept longer, unless that is over already.
        if image.credential_id is not None:
            live = Credential.objects.held().filter(pk=image.credential_id, deadline__gt=Now())
            if live.exists():
                extend_for_pull(image.credential_id)
        wake_pull(image.pk)
    reached(failpoints.RELEASED)
    log.info("pull_released", image=str(image.pk), attempt=image.attempt, yielding=yielding)


def _settle(claim: Claim, image: Image, to: Image.Status, *, keeps_credential: bool = False) -> None:
    """Move the image to its final status. Raises Stale."""
    move(
        image,
        to=to,
        only={"lease": claim.lease},
        settled_at=Now(),
        keeps_credential=keeps_credential,
        retry_code="",
        retry_params={},
        **_NO_LEASE,
    )


def _queue_again(claim: Claim, image: Image, failure: PullFailed, due: datetime) -> None:
    Layer.objects.filter(image=image, committed_at__isnull=True).update(received=0)
    move(
        image,
        to=Image.Status.QUEUED,
        only={"lease": claim.lease},
        retry_code=failure.code,
        retry_params=failure.params,
        **_NO_LEASE | {"not_before": due},
    )


def _fail_for_good(claim: Claim, image: Image, failure: PullFailed, step: str) -> _Released:
    """Return what became of the credential, to be recorded."""
    waiting, changing = _waiting_groups(image), list(image.next_for.all())
    may_keep = failure.keeps_credential and not image.credential_once
    keeps = may_keep and bool(waiting or changing) and image.credential_id is not None
    _settle(claim, image, Image.Status.FAILED, keeps_credential=keeps)
    released = _release_credential(image, has_failed=not may_keep)
    garbage.empty_layers(image)
    steps = trace(image)
    for group in [*waiting, *changing]:
        Failure.objects.create(
            organization_id=image.organization_id,
            group=group,
            group_name=group.name,
            reference=image.reference,
            registry=image.registry,
            provider=image.provider,
            step=step,
            code=failure.code,
            params=failure.params,
            raw=printable(failure.raw),
            attempt=image.attempt,
            trace=steps,
        )
    for group in waiting:
        move(group, to=ContainerGroup.Status.FAILED)
    return released


def _release_credential(image: Image, *, has_failed: bool = False) -> _Released:
    """Destroy the credential if no image holds it, and write a step that says so. `has_failed` is whether it was itself
    what failed. The image has its final status already, and its groups are locked."""
    destroyed = kept = None
    if image.trust_id is not None:
        detail = "No secret was ever here"
    elif image.credential_id is None:
        detail = "There was none" if not image.provider else "It was gone already"
    elif destroyed := settle_credential(image.credential_id, has_failed=has_failed):
        detail = "Destroyed"
    else:
        credential = Credential.objects.get(pk=image.credential_id)
        until = f"{credential.deadline.astimezone(UTC):%H:%M} UTC"
        if credential.destroyed_at:
            detail = f"Destroyed already: {credential.get_destroyed_because_display()}"
        elif credential.hold == Credential.Retention.HOUR:
            detail = f"Kept for other groups until {until} at most"
        elif image.keeps_credential:
            kept = credential
            detail = f"Not yet: it is not what failed, and is kept to try again, until {until} at most"
        elif Image.objects.unsettled().filter(credential=credential).exists():
            detail = "Kept until another pull that uses it has ended"
        else:
            detail = f"Kept to try a failed pull again, until {until} at most"
    write_done(image, Name.DESTROY, detail)
    return _Released(destroyed, kept)


def _wake_next(image: Image) -> None:
    """Wake the next pull of an organization whose pulls in progress are limited: there is room for it now."""
    if not Quota.objects.filter(pk=image.organization_id, max_pulls__isnull=False).exists():
        return
    due = Image.objects.due().filter(organization=image.organization_id)
    next_id = due.order_by("created_at").values_list("pk", flat=True).first()
    if next_id is not None:
        wake_pull(next_id)


def _waiting_groups(image: Image) -> list[ContainerGroup]:
    return list(image.groups.select_for_update().filter(status=ContainerGroup.Status.PENDING).order_by("pk"))


def _next_attempt(image: Image, failure: PullFailed) -> datetime | None:
    """Return when the next attempt may start, None where there is to be none."""
    max_attempts = MAX_INTERRUPTED_ATTEMPTS if isinstance(failure, Interrupted) else MAX_ATTEMPTS
    done = image.attempt - image.handed_over
    now = database_now()
    left = (image.retry_until - now).total_seconds()
    asked = failure.retry_after or 0.0
    if not failure.retryable or done >= max_attempts or left <= 0 or asked > left:
        return None
    pause = settings.PORTAL_RETRY_PAUSE_SECONDS * PAUSE_FACTOR ** (done - 1)
    pause *= random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 (spreads load, keeps no secret)
    return now + timedelta(seconds=max(asked, min(pause, left)))
