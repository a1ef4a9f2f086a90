"""A server that records the bytes of each request, and does next what it was told to, on kept connections too.

with ScriptedServer([OK, CLOSE, OK]) as server:
    ...  # send requests to server.url
    assert server.requests == [(1, b"GET /x HTTP/1.1..."), ...]
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Self


class End(Enum):
    """How a connection ends without an answer."""

    CLOSE = "closed"
    RESET = "reset"
    GOODBYE = "closed with an alert of TLS"


CLOSE, RESET, GOODBYE = End
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class ScriptedServer:
    """HTTP on loopback, over TLS where a certificate and its key are given. `requests` are the number of the
    connection, from 1, and the head of each request."""

    def __init__(self, script: Sequence[bytes | End], tls: tuple[Path, Path] | None = None) -> None:
        self.requests: list[tuple[int, bytes]] = []
        self._script = list(script)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if tls else None
        if self._tls is not None and tls is not None:
            self._tls.load_cert_chain(*tls)
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, name="scripted server", daemon=True)

    @property
    def lines(self) -> list[str]:
        """The request lines."""
        return [head.split(b"\r\n", 1)[0].decode("ascii") for _, head in self.requests]

    @property
    def connections(self) -> list[int]:
        """The number of the connection of each request."""
        return [number for number, _ in self.requests]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        for each in [self._listening, *self._open]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._thread.join(5)

    def _accept(self) -> None:
        number = 0
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self._open.append(connection)
                number += 1
                threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        received = b""
        with suppress(OSError):
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
        with suppress(OSError), connection:
            while piece := connection.recv(65536):
                received += piece
                while b"\r\n\r\n" in received:
                    head, _, received = received.partition(b"\r\n\r\n")
                    self.requests.append((number, head))
                    step = self._script.pop(0) if self._script else OK
                    if step is RESET:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    if step is GOODBYE and isinstance(connection, ssl.SSLSocket):
                        connection.unwrap()
                    if isinstance(step, End):
                        return
                    connection.sendall(step)
