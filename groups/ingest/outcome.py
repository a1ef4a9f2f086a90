"""How a pull ends: ready, again later, failed, or handed over. Each in one transaction behind the fence.

Locks are taken in one order: image, groups, credential, and last the organization's activity, in which it is recorded
that the portal destroyed a credential. So pulls of one organization may end at the same time.

There is one retry mechanism: the row goes back to `queued` with `not_before`, and `groups.sweep` wakes a worker
then. The credential lives exactly as long as there is an attempt to come.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now

from groups import failpoints
from groups.failpoints import reached
from groups.ingest import failed_attempts
from groups.ingest.claim import Claim, seize
from groups.ingest.credential_hold import record_settled, settle_credential
from groups.ingest.steps import Name, break_off, last_step, record, trace
from groups.models import ContainerGroup, Failure, Image, Layer, Quota
from groups.rules.replicas import add_instances, promote_next_image
from groups.rules.states import Stale, move
from groups.rules.wakeups import wake_pull
from groups.storage import garbage
from registries.failures import Interrupted, PullFailed, printable
from registries.models import Credential

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 5
MAX_INTERRUPTED = 3
"""A pull that takes its worker down so often is not given another one."""
PAUSE_FACTOR = 3.0
JITTER = 0.25
_OVER = {"lease": None, "lease_expires_at": None, "not_before": None}


def finish(claim: Claim) -> None:
    """Make the image ready and its groups `stopped`, or `deploying` where they start by themselves."""
    reached(failpoints.FINISHING)
    with claim.fenced() as image:
        move(
            image,
            to=Image.Status.READY,
            only={"lease": claim.lease},
            settled_at=Now(),
            retry_code="",
            retry_params={},
            **_OVER,
        )
        _wake_next(image)
        for group in _waiting_groups(image):
            if group.autostart:
                move(group, to=ContainerGroup.Status.DEPLOYING)
                add_instances(group)
            else:
                move(group, to=ContainerGroup.Status.STOPPED)
        promote_next_image(image)
        destroyed = _release_credential(image)
        reached(failpoints.FINISHING_INSIDE)
        record_settled(destroyed)
    reached(failpoints.FINISHED)
    log.info("pull_ready", image=str(image.pk), attempt=image.attempt, bytes=image.total_bytes)


def fail(claim: Claim, failure: PullFailed, *, step: str, overdue: bool = False) -> bool:
    """Try again later where that may help and may still be done, else record the failure for good.

    `overdue` is for a lease that ran out: nothing happens (Stale) if it was renewed meanwhile. Returns whether it
    is tried again.
    """
    only = {"lease_expires_at__lt": Now()} if overdue else {}
    reached(failpoints.FAILING)
    with claim.fenced(**only) as image:
        break_off(image, failure.words.title)
        due = _next_attempt(image, failure)
        failed_attempts.note(image, failure.code, step, final=due is None)
        _wake_next(image)
        destroyed = None
        if due is not None:
            _queue_again(claim, image, failure, due)
        else:
            destroyed = _fail_for_good(claim, image, failure, step)
        reached(failpoints.FAILING_INSIDE)
        record_settled(destroyed)
    reached(failpoints.FAILED)
    log.warning(
        "pull_failed", image=str(image.pk), attempt=image.attempt, step=step, code=failure.code, raw=failure.raw,
        again_at=due,
    )  # fmt: skip
    return due is not None


def refuse(image_id: Any, failure: PullFailed) -> bool:
    """End a pull that may not go on, whoever has it; return whether it was not over yet."""
    claimed = seize(image_id)
    if claimed is None:
        return False
    try:
        fail(claimed, failure, step=last_step(claimed.image))
    except Stale:
        return False
    return True


def release(claim: Claim) -> None:
    """Give the pull back at once, for a worker that lives on."""
    reached(failpoints.RELEASING)
    with claim.fenced() as image:
        break_off(image, "Handed over to another worker")
        Layer.objects.filter(image=image, committed_at__isnull=True).update(received=0)
        move(image, to=Image.Status.QUEUED, only={"lease": claim.lease}, handed_over=F("handed_over") + 1, **_OVER)
        wake_pull(image.pk)
    reached(failpoints.RELEASED)
    log.info("pull_handed_over", image=str(image.pk), attempt=image.attempt)


def _queue_again(claim: Claim, image: Image, failure: PullFailed, due: datetime) -> None:
    Layer.objects.filter(image=image, committed_at__isnull=True).update(received=0)
    move(
        image,
        to=Image.Status.QUEUED,
        only={"lease": claim.lease},
        retry_code=failure.code,
        retry_params=failure.params,
        **_OVER | {"not_before": due},
    )


def _fail_for_good(claim: Claim, image: Image, failure: PullFailed, step: str) -> Credential | None:
    """Returns the credential if it was destroyed by that, to be recorded."""
    move(
        image,
        to=Image.Status.FAILED,
        only={"lease": claim.lease},
        settled_at=Now(),
        retry_code="",
        retry_params={},
        **_OVER,
    )
    waiting = _waiting_groups(image)
    destroyed = _release_credential(image)
    garbage.empty_layers(image)
    steps = trace(image)
    for group in [*waiting, *image.next_for.all()]:
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
    return destroyed


def _release_credential(image: Image) -> Credential | None:
    """Destroy the credential where this pull was its last, and write a step about what became of it. The image has its
    final status already, and its groups are locked. Returns the credential if it was destroyed now."""
    destroyed = None
    if image.credential_id is None:
        detail = "There was none" if not image.provider else "It was gone already"
    elif destroyed := settle_credential(image.credential_id):
        detail = "Destroyed"
    else:
        credential = Credential.objects.get(pk=image.credential_id)
        if credential.destroyed_at:
            detail = f"Destroyed already: {credential.get_destroyed_because_display()}"
        elif credential.hold == Credential.Retention.HOUR:
            detail = f"Kept for other groups until {credential.deadline:%H:%M} UTC at most"
        else:
            detail = "Kept until another pull that uses it has ended"
    record(image, Name.DESTROY, detail)
    return destroyed


def _wake_next(image: Image) -> None:
    """Where the organization may have only so many pulls at once, another one has room now."""
    if not Quota.objects.filter(pk=image.organization_id, max_pulls__isnull=False).exists():
        return
    due = Image.objects.due().filter(organization=image.organization_id).exclude(pk=image.pk)
    following = due.order_by("created_at").values_list("pk", flat=True).first()
    if following is not None:
        wake_pull(following)


def _waiting_groups(image: Image) -> list[ContainerGroup]:
    return list(image.groups.select_for_update().filter(status=ContainerGroup.Status.PENDING).order_by("pk"))


def _next_attempt(image: Image, failure: PullFailed) -> datetime | None:
    """Return when the next attempt may start, None where there is none."""
    most = MAX_INTERRUPTED if isinstance(failure, Interrupted) else MAX_ATTEMPTS
    done = image.attempt - image.handed_over
    now = _clock(image)
    left = (image.retry_until - now).total_seconds()
    asked = failure.retry_after or 0.0
    if not failure.retryable or done >= most or left <= 0 or asked > left:
        return None
    pause = settings.PORTAL_RETRY_PAUSE_SECONDS * PAUSE_FACTOR ** (done - 1)
    pause *= random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 (spreads load, keeps no secret)
    return now + timedelta(seconds=max(asked, min(pause, left)))


def _clock(image: Image) -> datetime:
    """The database's clock, which is the one that all workers share."""
    return Image.objects.filter(pk=image.pk).values_list(Now(), flat=True).get()
