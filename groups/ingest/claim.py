"""One worker's hold on one pull: claim, lease, heartbeat, fence.

Changing the row from `queued` to `pulling` takes the claim: a fresh lease, which expires by the database's clock unless
a heartbeat renews it. Everything a pull writes goes through `Claim.fenced`, which locks the image's row and compares
the lease, so that a worker that lost its claim writes nothing more. The writes are in `groups.ingest.steps`,
`.fenced_writes` and `.outcome`.
"""

from __future__ import annotations

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
from groups.models import Image
from groups.rules import quotas
from groups.rules.states import Stale, move
from registries.failures import RegistryUnreachable
from registries.foundation.ids import ImageId

log = structlog.get_logger(__name__)

HEARTBEATS_PER_LEASE = 12
MAX_ATTEMPT_SECONDS = 3600.0
"""How long one attempt may take as a whole; `registries.credential_rows.extend_for_pull` counts on it."""


class WorkerShutdown(BaseException):
    """The worker has to end: its pull is released for another worker. Not an Exception, so that no handler treats it as
    a failure."""


@dataclass
class Claim:
    """The claim on a pull. `image` is the row as it was claimed; `blobs` are the names of the objects that this
    attempt stores, for cleaning up."""

    image: Image
    lease: uuid.UUID
    blobs: set[str] = field(default_factory=set)
    when_lost: list[Callable[[], None]] = field(default_factory=list, repr=False)
    """Called by the heartbeat once the claim is lost, to end whatever still waits for the registry."""
    _lost: threading.Event = field(default_factory=threading.Event, repr=False)
    _deadline: float = field(default_factory=lambda: time.monotonic() + MAX_ATTEMPT_SECONDS, repr=False)

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
        """Raise Stale once the claim is known to be lost, RegistryUnreachable once the attempt has taken
        `MAX_ATTEMPT_SECONDS`. Queries no database: for threads, between two reads."""
        if self._lost.is_set():
            raise Stale(f"the claim on {self.image.pk} is gone")
        if time.monotonic() > self._deadline:
            raise RegistryUnreachable(
                host=self.image.registry, reason="the image did not arrive within an hour", raw="deadline"
            )

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

    def renew(self) -> bool:
        """Extend the lease; return whether the claim still had it."""
        return bool(
            Image.objects.pulling().filter(pk=self.image.pk, lease=self.lease).update(lease_expires_at=_lease_end())
        )

    def _heartbeat(self, done: threading.Event) -> None:
        renewed = time.monotonic()
        try:
            while not done.wait(settings.PORTAL_LEASE_SECONDS / HEARTBEATS_PER_LEASE):
                try:
                    if not self.renew():
                        self._lose()
                        return
                    renewed = time.monotonic()
                except DatabaseError as error:
                    log.warning("heartbeat_failed", image=str(self.image.pk), error=type(error).__name__)
                    connection.close()
                    if time.monotonic() - renewed > settings.PORTAL_LEASE_SECONDS:
                        self._lose()  # the lease has expired: others may take the pull
                        return
        finally:
            connection.close()

    def _lose(self) -> None:
        self._lost.set()
        for callback in list(self.when_lost):
            callback()


def claim(image_id: ImageId) -> Claim | None:
    """Claim a pull that is due, as its next attempt.

    Returns None where there is nothing to claim, the organization is suspended, or it has as many pulls in progress as
    it may.
    """
    queued = Image.objects.filter(pk=image_id, status=Image.Status.QUEUED)
    image = queued.select_related("organization__quota").first()
    if image is None or (quota := quotas.quota_of(image.organization)).suspended_at is not None:
        return None
    if quota.max_pulls is None:
        taken = _take(image)
    else:
        with transaction.atomic():
            # Without room nothing is lost: each pull that ends wakes the next.
            has_room = quotas.has_room_for_pull(quotas.lock_organization(image.organization_id))
            taken = _take(image) if has_room else None
    if taken is not None:
        reached(failpoints.CLAIMED)
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
            started_at=Coalesce(F("started_at"), Now()),
        )
    except Stale:
        return None
    return Claim(image, lease)


def _lease_end() -> Combinable:
    return Now() + timedelta(seconds=settings.PORTAL_LEASE_SECONDS)
