"""The HTTP server with an application of a few lines, and deadlines of tenths of a second."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from groups.delivery.transfers import Transfer
from portal.runtime.deadlines import Deadlines
from portal.runtime.http_server import HttpServer

QUICK = Deadlines(idle=0.3, head=0.2, body=0.2, send=0.3, linger=0.2)
HOST = b"Host: localhost\r\n"
LARGE = 30_000_000


class Watched(Transfer):
    """Says when it is over."""

    over: list[int]

    def end(self) -> None:
        self.over.append(self.sent)


class Portal:
    """The server, and what its application saw."""

    def __init__(self, folder: Path, deadlines: Deadlines, threads: int = 2) -> None:
        self.seen: list[dict[str, Any]] = []
        self.over: list[int] = []
        self.waits, self.goes_on = threading.Semaphore(0), threading.Event()
        self._file = folder / "large"
        with self._file.open("wb") as file:
            file.truncate(LARGE)
        self.server = HttpServer(self._respond, ["127.0.0.1:0"], threads=threads, deadlines=deadlines)
        self._thread = threading.Thread(target=self.server.run)
        self._thread.start()

    def _respond(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read()
        self.seen.append(environ | {"body": body})
        path = environ["PATH_INFO"]
        if path == "/fails-with-a-secret":
            raise ValueError("no")
        if path == "/waits":
            self.waits.release()
            self.goes_on.wait(10)
        if path == "/file":
            start("200 OK", [("Content-Length", str(LARGE))])
            transfer = Watched(self._file.open("rb"), 0, LARGE)
            transfer.over = self.over
            result: Iterable[bytes] = environ["wsgi.file_wrapper"](transfer, 65536)
            return result
        if path == "/long":
            start("200 OK", [("Content-Length", str(LARGE))])
            return (bytes(1_000_000) for _ in range(LARGE // 1_000_000))
        start("200 OK", [("Content-Length", "3")])
        return [b"yes"]

    def connect(self, request: bytes = b"") -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.server.ports[0]), timeout=5)
        connection.sendall(request)
        return connection

    def ask(self, request: bytes) -> bytes:
        """All that comes until the server closes."""
        with self.connect(request) as connection:
            return rest(connection)

    def close(self) -> None:
        self.goes_on.set()
        self.server.stop()
        self._thread.join()


def rest(connection: socket.socket) -> bytes:
    got = b""
    try:
        while more := connection.recv(1 << 20):
            got += more
    except ConnectionResetError:
        pass
    return got


def get(path: bytes, method: bytes = b"GET", more: bytes = b"") -> bytes:
    return method + b" " + path + b" HTTP/1.1\r\n" + HOST + more + b"\r\n"
