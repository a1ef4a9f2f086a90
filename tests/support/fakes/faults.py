"""What can go wrong in an answer of the fake registry, and how it is then sent."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

SLICE = 256 * 1024


@dataclass
class Fault:
    """Applies to requests whose path holds `where`; to the first `times` of them, or to all.

    The knobs of the body (`corrupt` and those below it) count in bytes of what would have been sent.
    """

    where: str
    times: int | None = None
    method: str = ""
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    delay: float = 0.0
    """Seconds before the answer begins."""
    raw: bytes | Iterable[bytes] | None = None
    """Sent as it is instead of an HTTP answer; then the connection closes."""
    redirect: str | None = None
    """307 to this address; `{path}` in it becomes the request's path."""
    corrupt: bool = False
    """One bit of the body is flipped."""
    append: bytes = b""
    """The body is longer than it should be, by these bytes."""
    drop: int = 0
    """The body is shorter than it should be, and says so."""
    length: int | None = None
    """A Content-Length that lies."""
    chunked: bool = False
    truncate_after: int | None = None
    """The connection is closed cleanly after this number of bytes."""
    reset_after: int | None = None
    """The connection is reset after this number of bytes."""
    stall_after: int | None = None
    """Nothing comes after this number of bytes, until the registry closes."""
    bytes_per_second: int | None = None
    hits: int = 0

    def applies(self, method: str, path: str) -> bool:
        return self.where in path and self.method in {"", method} and (self.times is None or self.hits < self.times)

    def changed(self, body: bytes) -> bytes:
        if self.corrupt and body:
            body = body[:-1] + bytes([body[-1] ^ 1])
        if self.drop:
            body = body[: -self.drop]
        return body + self.append


class Cut(Exception):
    """The connection is over."""


def send_body(connection: socket.socket, body: bytes, fault: Fault, closing: threading.Event) -> None:
    """Send `body` with the fault. Raises `Cut` where the connection ends with it."""
    end = len(body)
    for cut in (fault.truncate_after, fault.reset_after, fault.stall_after):
        end = end if cut is None else min(end, cut)
    step = SLICE if fault.bytes_per_second is None else max(1, fault.bytes_per_second // 10)
    view = memoryview(body)
    for start in range(0, end, step):
        piece = view[start : min(start + step, end)]
        if fault.chunked:
            connection.sendall(b"%x\r\n" % len(piece))
        connection.sendall(piece)
        if fault.chunked:
            connection.sendall(b"\r\n")
        if fault.bytes_per_second is not None and closing.wait(len(piece) / fault.bytes_per_second):
            raise Cut
    if fault.stall_after is not None:
        closing.wait()
        raise Cut
    if fault.reset_after is not None:
        time.sleep(0.05)  # what was sent arrives before the reset does
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Cut
    if fault.truncate_after is not None:
        raise Cut
    if fault.chunked:
        connection.sendall(b"0\r\n\r\n")
