"""Sends a layer's ciphertext in pieces, counts the bytes, and stops when the session ends.

A layer is sent whole as often as the manifest lists it. A conditional UPDATE before the last piece ensures that: of
concurrent transfers of one layer, only that number get the end of it. A broken transfer can be resumed at an offset,
even if the server took it for complete; the total number of bytes is limited. Each transfer reserves its bytes before
the first is sent, so that concurrent transfers keep the limit too, and returns those that were not sent. During a
transfer, `sent_bytes` therefore includes bytes that are still to be sent.

If the blob is a file and the client's socket is known, the kernel copies from one to the other (sendfile), also in
pieces, with the same counting and stopping.
"""

from __future__ import annotations

import errno
import io
import os
import socket
import time
from typing import BinaryIO, NoReturn, Self

import structlog
from django.db import DatabaseError
from django.db.models import F
from django.db.models.functions import Now

from groups.delivery.connections import limit_send_wait
from groups.delivery.ranges import Span
from groups.delivery.sessions import is_open
from groups.models import LayerDelivery
from registries.foundation.ids import TokenId

PIECE = 1024 * 1024
CHECK_SECONDS = 1.0
MAX_STALLED_SECONDS = 60.0
"""How long a client can accept no bytes before the transfer is stopped."""
MAX_TIMES = 3
"""The most bytes that all transfers of a layer can send, in multiples of its size."""

log = structlog.get_logger(__name__)


class TransferStopped(ConnectionResetError):
    """The body ends early. A ConnectionResetError, so that servers close the connection instead of keeping it alive."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.ECONNRESET, reason)


class SentBefore(Exception):
    """This session has received this layer already."""


def begin(token_id: TokenId, digest: str, span: Span, times: int) -> LayerDelivery:
    """Begin a transfer: reserve all of its bytes. `times` is how often the manifest lists the layer. The caller must
    close a Body or call `give_back`. Raises SentBefore."""
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
    """Return bytes that `begin` reserved and that were not sent."""
    try:
        row = LayerDelivery.objects.filter(pk=delivery.pk)
        row.update(sent_bytes=F("sent_bytes") - unsent, last_at=Now())
    except DatabaseError as error:  # only fewer bytes can be resumed
        log.error("bytes_not_given_back", bytes=unsent, error=type(error).__name__)


class Body:
    """The bytes of `span` in pieces, from `source`, which is positioned at the first byte and is closed with the body.
    With `client` they are sent by sendfile and the server gets empty pieces, the first of which makes it send headers.

    Raises TransferStopped if the session ended, another request got the whole layer in between, or the stored blob is
    too short.
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
            limit_send_wait(self._client, int(CHECK_SECONDS) or 1)
            return b""
        # Without a client the piece is read before `_allow` decides who gets the end.
        piece = self._source.read(min(PIECE, left)) if self._client is None else b""
        length = len(piece) if self._client is None else min(PIECE, left)
        if not length:
            self._raise_short()
        self._allow(length == left)
        if self._client is None:
            self._sent += length
        else:
            self._send(self._client, length)
        return piece

    def _allow(self, is_last: bool) -> None:
        """Raise TransferStopped if the next piece must not be sent."""
        if is_last and self._span.reaches_end:
            if not _take_whole(self._delivery, self._span, self._times) and not self._span.first:
                raise TransferStopped("another request got the layer")
        elif time.monotonic() - self._checked >= CHECK_SECONDS:
            self._check()

    def _send(self, client: socket.socket, length: int) -> None:
        """Have the kernel send `length` bytes. While the client accepts none, the session is checked regularly."""
        end = self._sent + length
        while self._sent < end:
            offset = self._span.first + self._sent
            try:
                sent = os.sendfile(client.fileno(), self._source.fileno(), offset, end - self._sent)
            except BlockingIOError:
                self._check()
                if time.monotonic() - self._moved > MAX_STALLED_SECONDS:
                    raise TransferStopped("the client accepts nothing") from None
                continue
            if not sent:
                self._raise_short()
            self._sent += sent
            self._moved = time.monotonic()

    def _raise_short(self) -> NoReturn:
        log.error("blob_too_short", digest=self._delivery.digest)
        raise TransferStopped("the blob is damaged")

    def close(self) -> None:
        """Called by the server when everything was sent, or the client disconnected."""
        self._source.close()
        if self._closed:
            return
        self._closed = True
        if self._client is not None and self._client.fileno() >= 0:
            limit_send_wait(self._client, 0)  # the connection may serve another request
        if unsent := self._span.length - self._sent:
            give_back(self._delivery, unsent)

    def _check(self) -> None:
        self._checked = time.monotonic()
        if not is_open(self._delivery.token_id):
            raise TransferStopped("the session is over")


def _take_whole(delivery: LayerDelivery, span: Span, times: int) -> bool:
    """Count one whole body and return whether one was left. A transfer that began at an offset counts if the bytes sent
    before it complete the body. Raises TransferStopped if the session is over."""
    if not is_open(delivery.token_id):
        raise TransferStopped("the session is over")
    left = LayerDelivery.objects.filter(pk=delivery.pk, sent_whole__lt=times)
    if span.first:
        left = left.filter(sent_bytes__gte=(F("sent_whole") + 1) * span.size)
    return left.update(sent_whole=F("sent_whole") + 1, last_at=Now()) == 1
