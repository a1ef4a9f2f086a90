"""The connection of a client that a response is sent to: its socket, and how long sending may wait for it."""

from __future__ import annotations

import socket
import struct

from django.http import HttpRequest


def connection_of(request: HttpRequest) -> socket.socket | None:
    """Return the connection's socket if gunicorn passes it and it is not TLS, so that the kernel can copy to it."""
    connection = request.META.get("gunicorn.socket")
    return connection if type(connection) is socket.socket else None


def limit_send_wait(client: socket.socket, seconds: int) -> None:
    """Have sending on the blocking socket raise BlockingIOError after this many seconds in which the client accepted
    nothing; 0 for no limit."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("@ll", seconds, 0))
