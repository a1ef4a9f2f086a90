"""Sockets with a deadline for a whole answer, not only for each read.

A timeout of sockets begins anew with every byte, so an end that drips headers would hold us for ever.
"""

from __future__ import annotations

import math
import socket
import ssl
import time
from typing import Any


class DeadlineSocket(socket.socket):
    """Raises `TimeoutError` on reads past `deadline` (seconds of the monotonic clock)."""

    deadline: float = math.inf

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        _in_time(self.deadline)
        return super().recv_into(*args, **kwargs)


class DeadlineTlsSocket(ssl.SSLSocket):
    """The same above TLS; `ssl.SSLContext.sslsocket_class` makes a context use it."""

    deadline: float = math.inf

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        _in_time(self.deadline)
        return super().recv_into(*args, **kwargs)


def _in_time(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError("the answer took too long as a whole")
