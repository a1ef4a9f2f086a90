"""Sockets with a deadline for a whole response, not only for each read.

A socket's timeout starts again with every byte, so a server that sends headers slowly could block us for ever.
"""

from __future__ import annotations

import math
import socket
import ssl
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class DeadlineSocket(socket.socket):
    """Raises `TimeoutError` on reads past `deadline` (seconds of the monotonic clock)."""

    deadline: float = math.inf

    def recv_into(self, buffer: WriteableBuffer, nbytes: int = 0, flags: int = 0) -> int:
        _check_deadline(self.deadline)
        return super().recv_into(buffer, nbytes, flags)


class DeadlineTlsSocket(ssl.SSLSocket):
    """The same for TLS; set it as `sslsocket_class` of an `ssl.SSLContext`."""

    deadline: float = math.inf

    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = None, flags: int = 0) -> int:
        _check_deadline(self.deadline)
        return super().recv_into(buffer, nbytes, flags)


def _check_deadline(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError("the answer took too long as a whole")
