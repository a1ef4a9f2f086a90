"""Long bodies in the queue of a connection's output, and the work of a thread on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

import structlog
from waitress.buffers import ReadOnlyFileBasedBuffer

from groups.delivery.transfers import Transfer

log = structlog.get_logger(__name__)


class TransferBuffer(ReadOnlyFileBasedBuffer):  # type: ignore[misc]
    """A transfer in the queue of a connection's output. The connection has it sent by a thread."""

    def __init__(self, transfer: Transfer) -> None:
        self.transfer = transfer
        self.remain = 0

    def prepare(self, size: int | None = None) -> int:
        """Return how many bytes it has."""
        self.remain = self.transfer.left
        return self.remain

    def get(self, numbytes: int = -1, skip: bool = False) -> TransferBuffer:
        """Return itself: its bytes are not read here."""
        return self

    def close(self) -> None:
        """End the transfer and the response."""
        self.transfer.close()


def wrap_file(file: IO[bytes] | Transfer, block_size: int = 32768) -> ReadOnlyFileBasedBuffer:
    """WSGI's file wrapper."""
    return TransferBuffer(file) if isinstance(file, Transfer) else ReadOnlyFileBasedBuffer(file, block_size)


class TransferTask:
    """Work on a transfer, for a thread."""

    def __init__(self, work: Callable[[TransferBuffer], None], buffer: TransferBuffer) -> None:
        self._work, self._buffer = work, buffer

    def service(self) -> None:
        """Do it."""
        self._work(self._buffer)

    def cancel(self) -> None:
        """Called when the server ends."""


def close_quietly(buffer: TransferBuffer) -> None:
    """End a transfer; an error is logged."""
    try:
        buffer.close()
    except Exception:
        log.exception("transfer_not_ended")
