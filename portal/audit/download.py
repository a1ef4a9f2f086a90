"""Sending an export within a limited time, however slowly the client reads."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from typing import IO

from groups.delivery.transfers import Transfer, TransferStopped

MAX_SEND_SECONDS = 300.0
MAX_STALLED_SECONDS = 30.0
"""How long a client can accept no bytes before the connection is closed."""


class Download(Transfer):
    """The `size` bytes of `file`, which is closed with the body. `on_close` is called once: then, or when the body is
    dropped.

    Raises TransferStopped if the client is too slow.
    """

    def __init__(self, file: IO[bytes], size: int, *, on_close: Callable[[], None]) -> None:
        super().__init__(file, 0, size)
        self._on_close = weakref.finalize(self, on_close)  # also called if the server drops the response unclosed
        self._moved = (0, time.monotonic())  # how much was sent when some was
        self._until = self._moved[1] + MAX_SEND_SECONDS

    def begin_piece(self, *, is_last: bool) -> None:
        """Stop for a client that is too slow."""
        self.resume_piece()

    def resume_piece(self) -> None:
        """Stop for a client that is too slow."""
        now = time.monotonic()
        sent, moved = self._moved
        if now > self._until or now - moved > MAX_STALLED_SECONDS:
            raise TransferStopped("the client is too slow")
        if self.sent > sent:
            self._moved = (self.sent, now)

    def end(self) -> None:
        """Let the next export begin."""
        self._on_close()
