"""Sending an export within a limited time, however slowly the client reads.

As with layers (`groups.delivery.sending`), the kernel copies from the file to the client's socket if that is known, and
wakes up regularly while the client accepts nothing. Other servers get the file in pieces.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from typing import IO, Self

from groups.delivery.connections import limit_send_wait
from groups.delivery.sending import PIECE, TransferStopped

MAX_SEND_SECONDS = 300.0
MAX_STALLED_SECONDS = 30.0
"""How long a client can accept no bytes before the connection is closed."""
CHECK_SECONDS = 1


class Download:
    """The `size` bytes of `file`, which is closed with the body; then `on_close` is called. With `client` they are
    sent by sendfile and the server gets empty pieces, the first of which makes it send headers.

    Raises TransferStopped if the client is too slow.
    """

    def __init__(
        self, file: IO[bytes], size: int, *, client: socket.socket | None, on_close: Callable[[], None]
    ) -> None:
        self._file, self._size, self._client, self._on_close = file, size, client, on_close
        self._sent = 0
        self._has_begun = False
        self._until = self._moved = 0.0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if self._sent >= self._size:
            raise StopIteration
        if not self._has_begun:
            self._begin()
            if self._client is not None:
                return b""
        self._check()
        length = min(PIECE, self._size - self._sent)
        if self._client is not None:
            self._send(self._client, self._sent + length)
            return b""
        piece = self._file.read(length)
        self._sent += length
        self._moved = time.monotonic()
        return piece

    def close(self) -> None:
        """Called by the server when everything was sent, or the client disconnected."""
        self._file.close()
        if self._client is not None and self._client.fileno() >= 0:
            limit_send_wait(self._client, 0)  # the connection may serve another request
        self._on_close()

    def _begin(self) -> None:
        self._has_begun = True
        self._moved = time.monotonic()
        self._until = self._moved + MAX_SEND_SECONDS
        if self._client is not None:
            limit_send_wait(self._client, CHECK_SECONDS)

    def _send(self, client: socket.socket, end: int) -> None:
        """Have the kernel send the bytes before `end`."""
        while self._sent < end:
            try:
                sent = os.sendfile(client.fileno(), self._file.fileno(), self._sent, end - self._sent)
            except BlockingIOError:
                sent = 0
            if sent:
                self._sent += sent
                self._moved = time.monotonic()
            self._check()

    def _check(self) -> None:
        now = time.monotonic()
        if now > self._until or now - self._moved > MAX_STALLED_SECONDS:
            raise TransferStopped("the client is too slow")
