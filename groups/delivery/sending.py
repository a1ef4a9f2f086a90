"""Sends a layer's ciphertext in pieces, counts the bytes, and stops when the session ends.

A layer is sent whole as often as the manifest lists it. A conditional UPDATE before the last piece ensures that: of
concurrent transfers of one layer, only that number get the end of it. A broken transfer can be resumed at an offset,
even if the server took it for complete; the total number of bytes is limited. Each transfer reserves its bytes before
the first is sent, so that concurrent transfers keep the limit too, and returns those that were not sent. During a
transfer, `sent_bytes` therefore includes bytes that are still to be sent.

How bytes reach the client is said in `groups.delivery.transfers`.
"""

from __future__ import annotations

import io
import time
import weakref
from typing import BinaryIO, NoReturn

import structlog
from django.db import DatabaseError
from django.db.models import F
from django.db.models.functions import Now

from groups.delivery import transfers
from groups.delivery.ranges import Span
from groups.delivery.sessions import is_open
from groups.delivery.slots import Slot
from groups.delivery.transfers import Transfer, TransferStopped
from groups.models import LayerDelivery
from registries.foundation.ids import TokenId

CHECK_SECONDS = 1.0
MAX_TIMES = 3
"""The most bytes that all transfers of a layer can send, in multiples of its size."""

log = structlog.get_logger(__name__)


class SentBefore(Exception):
    """This session has received this layer already."""


def begin(token_id: TokenId, digest: str, span: Span, times: int) -> LayerDelivery:
    """Begin a transfer: reserve all of its bytes. `times` is how often the manifest lists the layer. The caller must
    close a Body or call `give_back`. Raises SentBefore."""
    delivery, _ = LayerDelivery.objects.get_or_create(token_id=token_id, digest=digest)
    room = LayerDelivery.objects.filter(
        pk=delivery.pk, sent_bytes__lte=MAX_TIMES * times * max(span.size, transfers.PIECE) - span.length
    )
    if span.first == 0:
        room = room.filter(sent_whole__lt=times)
    if not room.update(sent_bytes=F("sent_bytes") + span.length, last_at=Now()):
        raise SentBefore
    return delivery


def give_back(delivery: LayerDelivery, unsent: int) -> None:
    """Return bytes that `begin` reserved and that were not sent."""
    try:
        row = LayerDelivery.objects.filter(pk=delivery.pk)
        row.update(sent_bytes=F("sent_bytes") - unsent, last_at=Now())
    except DatabaseError as error:  # only fewer bytes can be resumed
        log.error("bytes_not_given_back", bytes=unsent, error=type(error).__name__)


class Body(Transfer):
    """The bytes of `span` from `source`, which is positioned at the first byte and is closed with the body. `slot` is
    released then.

    Raises TransferStopped if the session ended, another request got the whole layer in between, or the stored blob is
    too short.
    """

    def __init__(self, source: BinaryIO, delivery: LayerDelivery, span: Span, times: int, slot: Slot) -> None:
        super().__init__(source, span.first, span.length)
        self._delivery, self._span, self._times = delivery, span, times
        self._checked = time.monotonic()
        # A server that drops the response without closing it doesn't keep the slot.
        self._release = weakref.finalize(self, slot.release)

    def begin_piece(self, *, is_last: bool) -> None:
        """Count a whole layer before its last piece; check the session regularly before others."""
        if is_last and self._span.reaches_end:
            if not _take_whole(self._delivery, self._span, self._times) and not self._span.first:
                raise TransferStopped("another request got the layer")
        else:
            self.resume_piece()

    def resume_piece(self) -> None:
        """Stop if the session is over, which is read once a second."""
        now = time.monotonic()
        if now - self._checked >= CHECK_SECONDS:
            self._checked = now
            if not is_open(self._delivery.token_id):
                raise TransferStopped("the session is over")

    def raise_short(self) -> NoReturn:
        """Stop: the stored blob is damaged."""
        log.error("blob_too_short", digest=self._delivery.digest)
        raise TransferStopped("the blob is damaged")

    def end(self) -> None:
        """Give back what was not sent."""
        self._release()
        if self.left:
            give_back(self._delivery, self.left)


class Document(Transfer):
    """The bytes of a manifest or config, in memory. `slot` is released when the response is closed, or dropped."""

    def __init__(self, content: bytes, slot: Slot) -> None:
        super().__init__(io.BytesIO(content), 0, len(content))
        self._release = weakref.finalize(self, slot.release)

    def end(self) -> None:
        """Let another one be sent."""
        self._release()


def _take_whole(delivery: LayerDelivery, span: Span, times: int) -> bool:
    """Count one whole body and return whether one was left. A transfer that began at an offset counts if the bytes sent
    before it complete the body. Raises TransferStopped if the session is over."""
    if not is_open(delivery.token_id):
        raise TransferStopped("the session is over")
    left = LayerDelivery.objects.filter(pk=delivery.pk, sent_whole__lt=times)
    if span.first:
        left = left.filter(sent_bytes__gte=(F("sent_whole") + 1) * span.size)
    return left.update(sent_whole=F("sent_whole") + 1, last_at=Now()) == 1
