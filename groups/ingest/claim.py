"""One worker's hold on one pull: claim, lease, heartbeat, fence.

Who changes the row from `queued` to `pulling` has the claim: a fresh lease that runs out unless a heartbeat renews
it, by the database's clock. Whatever a pull writes goes through `Claim.fenced`, which locks the image's row and
compares the lease, so that a worker that was taken for dead writes nothing once it wakes up. What is written stands
in `groups.ingest.steps`, `.rows` and `.settle`.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from groups import failpoints
from groups.failpoints import reached
from groups.models import Image
from groups.rules import quotas
from groups.rules.states import Stale, move
from registries.failures import RegistryUnreachable

log = structlog.get_logger(__name__)

BEATS_A_LEASE = 12
ATTEMPT_SECONDS = 3600.0
"""How long one attempt may take as a whole; `registries.credential_rows.max_pull_seconds` counts on it."""


class WorkerShutdown(BaseException):
    """The worker has been told to end: the pull is given back for another one. Not an Exception, so that nothing
    takes it for a failure."""


@dataclass
class Claim:
    """The hold on a pull. `image` is the row as it was claimed; `blobs` are the names of the objects that this
    attempt stores, for cleaning up."""

    image: Image
    lease: uuid.UUID
    blobs: set[str] = field(default_factory=set)
    when_lost: list[Callable[[], None]] = field(default_factory=list, repr=False)
    """What the heartbeat calls once it finds the claim gone, to end what waits for somebody else."""
    _lost: threading.Event = field(default_factory=threading.Event, repr=False)
    _ends: float = field(default_factory=lambda: time.monotonic() + ATTEMPT_SECONDS, repr=False)

    @property
    def attempt(self) -> int:
        """Which attempt of this pull it is, from 1."""
        return self.image.attempt

    @contextmanager
    def fenced(self, **only: Any) -> Iterator[Image]:
        """A transaction in which the pull is certainly still this claim's; yields the locked row, fresh.

        `only` narrows it further. Raises Stale where the claim, or the image, is gone.
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
        """Raise Stale once the claim is known to be lost, RegistryUnreachable when its time is over. Touches no
        database: for threads, between two reads."""
        if self._lost.is_set():
            raise Stale(f"the claim on {self.image.pk} is gone")
        if time.monotonic() > self._ends:
            raise RegistryUnreachable(
                host=self.image.registry, reason="the image did not arrive within an hour", raw="deadline"
            )

    @contextmanager
    def kept_alive(self) -> Iterator[None]:
        """Renew the lease in a thread of its own meanwhile."""
        done = threading.Event()
        thread = threading.Thread(target=self._beat, args=(done,), name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def renew(self) -> bool:
        """Push the end of the lease away; return whether it was still ours."""
        return bool(
            Image.objects.pulling().filter(pk=self.image.pk, lease=self.lease).update(lease_expires_at=_lease_end())
        )

    def _beat(self, done: threading.Event) -> None:
        renewed = time.monotonic()
        try:
            while not done.wait(settings.PORTAL_LEASE_SECONDS / BEATS_A_LEASE):
                try:
                    if not self.renew():
                        self._lose()
                        return
                    renewed = time.monotonic()
                except DatabaseError as error:
                    log.warning("heartbeat_failed", image=str(self.image.pk), error=type(error).__name__)
                    connection.close()
                    if time.monotonic() - renewed > settings.PORTAL_LEASE_SECONDS:
                        self._lose()  # by now others take this pull for abandoned
                        return
        finally:
            connection.close()

    def _lose(self) -> None:
        self._lost.set()
        for each in list(self.when_lost):
            each()


def claim(image_id: uuid.UUID) -> Claim | None:
    """Take a pull that is due, as its next attempt. Returns None where there is nothing to take, or the organization
    has as many pulls going on as it may, or is suspended."""
    queued = Image.objects.filter(pk=image_id, status=Image.Status.QUEUED)
    image = queued.select_related("organization__quota").first()
    if image is None or (quota := quotas.quota_of(image.organization)).suspended_at is not None:
        return None
    if quota.max_pulls is None:
        taken = _take(image)
    else:
        with transaction.atomic():
            # Where there is no room, whoever ends wakes the next.
            has_room = quotas.has_room_for_pull(quotas.lock_organization(image.organization_id))
            taken = _take(image) if has_room else None
    if taken is not None:
        reached(failpoints.CLAIMED)
    return taken


def seize(image_id: uuid.UUID) -> Claim | None:
    """Take a pull that is not over from the queue, due or not, or from the worker that has it, who then writes nothing
    more. For whoever ends it or gives it back. Returns None where it is over."""
    lease = uuid.uuid4()
    with transaction.atomic():
        image = Image.objects.unsettled().select_for_update().filter(pk=image_id).first()
        if image is None:
            return None
        hold: dict[str, Any] = {"lease": lease, "lease_expires_at": _lease_end(), "not_before": None}
        if image.status == Image.Status.QUEUED:
            move(image, to=Image.Status.PULLING, **hold)
        else:
            Image.objects.filter(pk=image.pk).update(**hold)
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


def _lease_end() -> Any:
    return Now() + timedelta(seconds=settings.PORTAL_LEASE_SECONDS)
