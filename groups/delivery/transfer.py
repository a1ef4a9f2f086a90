"""Sends a layer's ciphertext in pieces, counts it, and stops when the session is over.

A layer goes out whole as often as the manifest lists it. That is settled before the last piece leaves, by a
conditional UPDATE: of several that fetch the same layer at once, only so many get the end of it. A broken transfer
may be resumed at an offset, also when the server believed it whole; all bytes together have a bound. So that
transfers side by side keep to it too, each takes all its bytes from the bound before the first leaves, and gives
back what was not sent: `sent_bytes` runs ahead meanwhile.
"""

from __future__ import annotations

import errno
import time
from typing import BinaryIO, Self
from uuid import UUID

import structlog
from django.db import DatabaseError
from django.db.models import F
from django.db.models.functions import Now

from groups.delivery.ranges import Span
from groups.delivery.sessions import is_open
from groups.models import LayerDelivery

PIECE = 1024 * 1024
CHECK_SECONDS = 1.0
# What a layer may cost in bytes, in multiples of its size, for all its resumed transfers together.
MOST_TIMES = 3

log = structlog.get_logger(__name__)


class TransferStopped(ConnectionResetError):
    """The body ends here, short. As a reset, so that servers close the connection instead of waiting on it."""

    def __init__(self, why: str) -> None:
        super().__init__(errno.ECONNRESET, why)


class SentBefore(Exception):
    """This session has had this layer."""


def begin(token_id: UUID, digest: str, span: Span, times: int) -> LayerDelivery:
    """Note that a transfer begins, and count all its bytes. `times` is how often the manifest lists the layer.
    Raises SentBefore. Whoever begins one has a Body closed, or calls `give_back`."""
    delivery, _ = LayerDelivery.objects.get_or_create(token_id=token_id, digest=digest)
    room = LayerDelivery.objects.filter(
        pk=delivery.pk, sent_bytes__lte=MOST_TIMES * times * max(span.size, PIECE) - span.length
    )
    if span.first == 0:
        room = room.filter(sent_whole__lt=times)
    if not room.update(sent_bytes=F("sent_bytes") + span.length, last_at=Now()):
        raise SentBefore
    return delivery


def give_back(delivery: LayerDelivery, unsent: int) -> None:
    """Take bytes off the count that `begin` counted and that never left."""
    try:
        row = LayerDelivery.objects.filter(pk=delivery.pk)
        row.update(sent_bytes=F("sent_bytes") - unsent, last_at=Now())
    except DatabaseError as error:  # so much less may be resumed, that is all
        log.error("bytes_not_given_back", bytes=unsent, error=type(error).__name__)


class Body:
    """The bytes of `span` in pieces, from `source`, which stands at its first byte and is closed with the body.

    Raises TransferStopped when the session ended, the layer went whole to another request of it meanwhile, or the
    stored blob is shorter than it should be.
    """

    def __init__(self, source: BinaryIO, delivery: LayerDelivery, span: Span, times: int) -> None:
        self._source, self._delivery, self._span, self._times = source, delivery, span, times
        self._sent = 0
        self._closed = False
        self._checked = time.monotonic()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        left = self._span.length - self._sent
        if not left:
            raise StopIteration
        piece = self._source.read(min(PIECE, left))
        if not piece:
            log.error("blob_too_short", digest=self._delivery.digest)
            raise TransferStopped("the blob is damaged")
        if len(piece) == left and self._span.reaches_end:
            if not _take_whole(self._delivery, self._span, self._times) and not self._span.first:
                raise TransferStopped("the layer was sent meanwhile")
        elif time.monotonic() - self._checked >= CHECK_SECONDS:
            self._check()
        self._sent += len(piece)
        return piece

    def close(self) -> None:
        """The client has it all, or is gone."""
        self._source.close()
        if self._closed:
            return
        self._closed = True
        if unsent := self._span.length - self._sent:
            give_back(self._delivery, unsent)

    def _check(self) -> None:
        self._checked = time.monotonic()
        if not is_open(self._delivery.token_id):
            raise TransferStopped("the session is over")


def _take_whole(delivery: LayerDelivery, span: Span, times: int) -> bool:
    """Count one whole body, where one is left and the session still runs. A transfer that began in the middle
    counts when, with what was sent before it, the whole is reached."""
    if not is_open(delivery.token_id):
        raise TransferStopped("the session is over")
    left = LayerDelivery.objects.filter(pk=delivery.pk, sent_whole__lt=times)
    if span.first:
        left = left.filter(sent_bytes__gte=(F("sent_whole") + 1) * span.size)
    return left.update(sent_whole=F("sent_whole") + 1, last_at=Now()) == 1
