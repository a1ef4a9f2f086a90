"""Sends a layer's ciphertext in pieces, counts it, and stops when the session is over.

A layer goes out whole as often as the manifest lists it. That is settled before the last piece leaves, by a
conditional UPDATE: of several that fetch the same layer at once, only so many get the end of it. A broken transfer
may be resumed at an offset, also when the server believed it whole; all bytes together have a bound. So that
transfers side by side keep to it too, each takes all its bytes from the bound before the first leaves, and gives
back what was not sent: `sent_bytes` runs ahead meanwhile.

Where the blob is a file and the connection is at hand, the kernel copies from one to the other (sendfile), in pieces
as well, so that counting and stopping are the same.
"""

from __future__ import annotations

import errno
import io
import os
import socket
import struct
import time
from typing import BinaryIO, NoReturn, Self
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
STALLED_SECONDS = 60.0
"""How long a client may take nothing before it is given up."""
# What a layer may cost in bytes, in multiples of its size, for all its resumed transfers together.
MAX_TIMES = 3

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
        pk=delivery.pk, sent_bytes__lte=MAX_TIMES * times * max(span.size, PIECE) - span.length
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
    """The bytes of `span` in pieces, from `source`, which stands at its first byte and is closed with the body. With
    `client` they go out by sendfile, and the pieces that the server gets are empty; the first makes it send headers.

    Raises TransferStopped when the session ended, the layer went whole to another request of it meanwhile, or the
    stored blob is shorter than it should be.
    """

    def __init__(
        self,
        source: BinaryIO,
        delivery: LayerDelivery,
        span: Span,
        times: int,
        client: socket.socket | None = None,
    ) -> None:
        self._source, self._delivery, self._span, self._times = source, delivery, span, times
        self._sent = 0
        self._closed = False
        self._client = client if isinstance(source, io.FileIO) else None
        self._has_begun = False
        self._moved = time.monotonic()
        self._checked = time.monotonic()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        left = self._span.length - self._sent
        if not left:
            raise StopIteration
        if self._client is not None and not self._has_begun:
            self._has_begun = True
            _wake_after(self._client, int(CHECK_SECONDS) or 1)
            return b""
        # Without a client the piece is in hand before it is settled who gets the end.
        piece = self._source.read(min(PIECE, left)) if self._client is None else b""
        length = len(piece) if self._client is None else min(PIECE, left)
        if not length:
            self._is_short()
        self._settle(length == left)
        if self._client is None:
            self._sent += length
        else:
            self._send(self._client, length)
        return piece

    def _settle(self, is_last: bool) -> None:
        """Before a piece leaves: whether it may."""
        if is_last and self._span.reaches_end:
            if not _take_whole(self._delivery, self._span, self._times) and not self._span.first:
                raise TransferStopped("the layer was sent meanwhile")
        elif time.monotonic() - self._checked >= CHECK_SECONDS:
            self._check()

    def _send(self, client: socket.socket, length: int) -> None:
        """Have the kernel send so many bytes, as many as it takes at a time. While the client takes none, whether it
        may go on is asked again."""
        end = self._sent + length
        while self._sent < end:
            offset = self._span.first + self._sent
            try:
                sent = os.sendfile(client.fileno(), self._source.fileno(), offset, end - self._sent)
            except BlockingIOError:
                self._check()
                if time.monotonic() - self._moved > STALLED_SECONDS:
                    raise TransferStopped("the client takes nothing") from None
                continue
            if not sent:
                self._is_short()
            self._sent += sent
            self._moved = time.monotonic()

    def _is_short(self) -> NoReturn:
        log.error("blob_too_short", digest=self._delivery.digest)
        raise TransferStopped("the blob is damaged")

    def close(self) -> None:
        """The client has it all, or is gone."""
        self._source.close()
        if self._closed:
            return
        self._closed = True
        if self._client is not None and self._client.fileno() >= 0:
            _wake_after(self._client, 0)  # the next request of this connection has its own ways
        if unsent := self._span.length - self._sent:
            give_back(self._delivery, unsent)

    def _check(self) -> None:
        self._checked = time.monotonic()
        if not is_open(self._delivery.token_id):
            raise TransferStopped("the session is over")


def _wake_after(client: socket.socket, seconds: int) -> None:
    """Have sending on the blocking socket return after so long with nothing sent; 0 for never."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", seconds, 0))


def _take_whole(delivery: LayerDelivery, span: Span, times: int) -> bool:
    """Count one whole body, where one is left and the session still runs. A transfer that began in the middle
    counts when, with what was sent before it, the whole is reached."""
    if not is_open(delivery.token_id):
        raise TransferStopped("the session is over")
    left = LayerDelivery.objects.filter(pk=delivery.pk, sent_whole__lt=times)
    if span.first:
        left = left.filter(sent_bytes__gte=(F("sent_whole") + 1) * span.size)
    return left.update(sent_whole=F("sent_whole") + 1, last_at=Now()) == 1
