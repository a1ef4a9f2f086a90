"""Clients that are slow on purpose, many at once: each kind opens connections and then does as little as it can."""

from __future__ import annotations

import resource
import socket
import threading
from contextlib import suppress
from typing import Self

HEAD = b"GET /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
BODY = b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 15000\r\n\r\n{"
CHUNKED = b"POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n"
_ESTABLISHED = 1  # of TCP_INFO
IDLE = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"


class SlowClients:
    """`count` connections to `port`, each of which sends `start` and, with `drip`, a byte every half second."""

    def __init__(self, port: int, count: int, start: bytes, *, drip: bytes = b"") -> None:
        self._start, self._drip = start, drip
        self._over = threading.Event()
        allow_files(count + 500)
        self._sockets = [self._connect(port) for _ in range(count)]
        self._thread = threading.Thread(target=self._trickle)

    def __enter__(self) -> Self:
        for connection in self._sockets:
            with suppress(OSError):  # there are more than the server keeps
                connection.sendall(self._start)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()
        for connection in self._sockets:
            connection.close()

    def open(self) -> int:
        """How many of them the server has not closed."""
        return sum(not _is_closed(connection) for connection in self._sockets)

    def answers(self) -> list[int]:
        """The status of each that was answered by now."""
        heads = [_peeked(connection) for connection in self._sockets]
        return [int(head[9:12]) for head in heads if head.startswith(b"HTTP/1.")]

    def send(self, content: bytes) -> None:
        """Send this on each connection, as far as the server takes it within a second."""
        for connection in self._sockets:
            connection.settimeout(1)
            with suppress(OSError):
                connection.sendall(content)
            connection.settimeout(None)  # else reading waits too

    def _connect(self, port: int) -> socket.socket:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # a reader that takes little
        connection.connect(("127.0.0.1", port))
        return connection

    def _trickle(self) -> None:
        while self._drip and not self._over.wait(0.5):
            for connection in self._sockets:
                with suppress(OSError):
                    connection.send(self._drip, socket.MSG_DONTWAIT)


def allow_files(count: int) -> None:
    """Let this process open this many files, if it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


def _peeked(connection: socket.socket) -> bytes:
    """What lies there of a response; it stays there."""
    try:
        return connection.recv(20, socket.MSG_DONTWAIT | socket.MSG_PEEK)
    except OSError:
        return b""


def _is_closed(connection: socket.socket) -> bool:
    state = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state != _ESTABLISHED
