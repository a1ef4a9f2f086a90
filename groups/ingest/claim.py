"""One worker's hold on one pull: claim, lease, heartbeat, fence.

Changing the row from `queued` to `pulling` takes the claim: a fresh lease, which expires by the database's clock unless
a heartbeat renews it. Everything a pull writes goes through `Claim.fenced`, which locks the image's row and compares
the lease, so that a worker that lost its claim writes nothing more. The writes are in `groups.ingest.steps`,
`.fenced_writes` and `.outcome`.
"""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import F
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, Now

from groups import failpoints
from groups.failpoints import reached
from groups.models import Image, Quota
from groups.rules import quotas, turns
from groups.rules.states import Stale, move
from registries.failures import RegistryUnreachable, registry_itself
from registries.foundation.ids import ImageId, OrganizationId

log = structlog.get_logger(__name__)

HEARTBEATS_PER_LEASE = 12
MAX_ATTEMPT_SECONDS = 3600.0
"""How long one attempt may take as a whole; `registries.credential_rows.extend_for_pull` counts on it."""
MAX_CLAIM_TRIES = 10
"""How often a worker looks again after another one was quicker."""
TURN_SECONDS = 2.0
"""How often a pull looks whether it has to make room for another organization's."""


class WorkerShutdown(BaseException):
    """The worker has to end: its pull is released for another worker. Not an Exception, so that no handler treats it as
    a failure."""


class TurnOver(BaseException):
    """Another organization waits and this pull makes room for its: it goes back into the queue. Not an Exception, for
    the same reason."""


@dataclass
class Claim:
    """The claim on a pull. `image` is the row as it was claimed; `blobs` are the names of the objects that this
    attempt stores, for cleaning up."""

    image: Image
    lease: uuid.UUID
    blobs: set[str] = field(default_factory=set)
    when_lost: list[Callable[[], None]] = field(default_factory=list, repr=False)
    """Called by the heartbeat once the claim is lost or its turn is over, to end whatever still waits for the
    registry."""
    received: int = 0
    """Bytes of layers that this attempt has received so far."""
    _lost: threading.Event = field(default_factory=threading.Event, repr=False)
    _turn_over: threading.Event = field(default_factory=threading.Event, repr=False)
    _began: float = field(default_factory=lambda: time.monotonic(), repr=False)

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1."""
        return self.image.attempt

    @contextmanager
    def fenced(self, **only: object) -> Iterator[Image]:
        """Open a transaction in which this claim certainly holds the pull; yields the locked row, freshly read.

        `only` adds conditions on the row. Raises Stale where the claim, or the image, is gone.
        """
        with transaction.atomic():
            image = (
                Image.objects.select_for_update()
                .filter(pk=self.image.pk, status=Image.Status.PULLING, lease=self.lease, **only)
                .first()
            )
            if image is None:
                self._lost.set()
                raise Stale(f"the claim on {self.image.pk} is gone")
            yield image

    def check(self) -> None:
        """Raise Stale once the claim is known to be lost, TurnOver once the pull has to make room for another
        organization's, RegistryUnreachable once the attempt has taken `MAX_ATTEMPT_SECONDS`. Queries no database: for
        threads, between two reads."""
        if self._lost.is_set():
            raise Stale(f"the claim on {self.image.pk} is gone")
        if self._turn_over.is_set():
            raise TurnOver
        if self.seconds > MAX_ATTEMPT_SECONDS:
            there = registry_itself(self.image.registry)
            raise RegistryUnreachable(reason="the image did not arrive within an hour", raw="deadline", **there)

    @contextmanager
    def kept_alive(self) -> Iterator[None]:
        """Renew the lease in a thread of its own while the block runs."""
        done = threading.Event()
        thread = threading.Thread(target=self._heartbeat, args=(done,), name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    @property
    def seconds(self) -> float:
        """How long this attempt has taken so far."""
        return time.monotonic() - self._began

    def renew(self) -> bool:
        """Extend the lease; return whether the claim still had it."""
        return bool(
            Image.objects.pulling().filter(pk=self.image.pk, lease=self.lease).update(lease_expires_at=_lease_end())
        )

    def _heartbeat(self, done: threading.Event) -> None:
        renewed, interval = time.monotonic(), settings.PORTAL_LEASE_SECONDS / HEARTBEATS_PER_LEASE
        looks = math.ceil(interval / TURN_SECONDS)
        beats = 0
        try:
            while not done.wait(interval / looks):
                beats += 1
                try:
                    if beats % looks == 0:
                        if not self.renew():
                            self._lose()
                            return
                        renewed = time.monotonic()
                    self._end_turn_if_due()
                except DatabaseError as error:
                    log.warning("heartbeat_failed", image=str(self.image.pk), error=type(error).__name__)
                    connection.close()
                    if time.monotonic() - renewed > settings.PORTAL_LEASE_SECONDS:
                        self._lose()  # the lease has expired: others may take the pull
                        return
        finally:
            connection.close()

    def _end_turn_if_due(self) -> None:
        """Have the pull make room if it is the one that has to. Again and again, until it has ended: a connection that
        was being opened can't be aborted yet."""
        if not self._turn_over.is_set():
            is_slow = self.received < turns.HEALTHY_RATE * self.seconds
            if not turns.has_to_yield(self.image, is_slow=is_slow):
                return
            self._turn_over.set()
        self._abort()

    def _lose(self) -> None:
        self._lost.set()
        self._abort()

    def _abort(self) -> None:
        for callback in list(self.when_lost):
            callback()


def claim(image_id: ImageId | None = None) -> Claim | None:
    """Claim the due pull whose turn it is, or only this one if it is due, as its next attempt.

    Returns None where there is nothing to claim: no pull is due, or the organizations of those that are due are
    suspended or have as many pulls in progress as they may. Without room nothing is lost: each pull that ends wakes the
    next.
    """
    for _ in range(MAX_CLAIM_TRIES):
        first = _next(image_id)
        if first is None:
            return None
        taken = _claim_of(first.organization_id, image_id)
        if taken is not None:
            reached(failpoints.CLAIMED)
            return taken
    return None


def _next(image_id: ImageId | None) -> Image | None:
    due = Image.objects.by_turn()
    return (due if image_id is None else due.filter(pk=image_id)).first()


def _claim_of(organization_id: OrganizationId, image_id: ImageId | None) -> Claim | None:
    """Claim a pull of this organization if it is still its turn once its quota is locked: of two workers, the second
    counts what the first has claimed."""
    with transaction.atomic():
        quotas.lock_organization(organization_id)
        image = _next(image_id)
        if image is None or image.organization_id != organization_id:
            return None
        Quota.objects.filter(pk=organization_id).update(last_claim_at=Now())
        taken = _take(image)
        transaction.set_rollback(taken is None)
    return taken


def seize(image_id: ImageId) -> Claim | None:
    """Claim an unsettled pull, whether it is queued, due or not, or another worker holds it, which then writes nothing
    more. For ending or releasing the pull. Returns None where it is settled."""
    lease = uuid.uuid4()
    with transaction.atomic():
        image = Image.objects.unsettled().select_for_update().filter(pk=image_id).first()
        if image is None:
            return None
        if image.status == Image.Status.QUEUED:
            move(image, to=Image.Status.PULLING, lease=lease, lease_expires_at=_lease_end(), not_before=None)
        else:
            Image.objects.filter(pk=image.pk).update(lease=lease, lease_expires_at=_lease_end(), not_before=None)
            image.refresh_from_db()
    return Claim(image, lease)


def _take(image: Image) -> Claim | None:
    due = {"not_before__isnull": True} if image.not_before is None else {"not_before__lte": Now()}
    lease = uuid.uuid4()
    try:
        move(
            image,
            to=Image.Status.PULLING,
            only=due,
            attempt=F("attempt") + 1,
            lease=lease,
            lease_expires_at=_lease_end(),
            not_before=None,
            claimed_at=Now(),
            yielded_at=None,
            started_at=Coalesce(F("started_at"), Now()),
        )
    except Stale:
        return None
    return Claim(image, lease)


def _lease_end() -> Combinable:
    return Now() + timedelta(seconds=settings.PORTAL_LEASE_SECONDS)
