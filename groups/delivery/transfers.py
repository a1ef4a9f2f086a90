"""A long body that is sent in pieces, to a client that may be slow.

Any WSGI server can `read` it. A server that watches its sockets calls `send_to` instead whenever the client accepts
bytes, so that no thread waits for a slow client, and the kernel copies files to the connection (sendfile).
"""

from __future__ import annotations

import errno
import io
import os
import socket
from typing import IO, NoReturn

from django.http import FileResponse

PIECE = 1024 * 1024


class TransferStopped(ConnectionResetError):
    """The body ends early. A ConnectionResetError, so that servers close the connection instead of keeping it alive."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.ECONNRESET, reason)


class Transfer:
    """The `length` bytes of `source` from its position, which is `first` for a file. The source is closed with it.

    Subclasses override `begin_piece`, `resume_piece` and `end`, which can raise TransferStopped.
    """

    def __init__(self, source: IO[bytes], first: int, length: int) -> None:
        self._source, self._first, self._length = source, first, length
        self._descriptor = _descriptor_of(source)
        self._piece_left = 0
        self._held = memoryview(b"")  # what was read of the piece and not accepted yet; of files nothing is read
        self._closed = False
        self.sent = 0

    @property
    def left(self) -> int:
        """How many bytes were not sent."""
        return self._length - self.sent

    def read(self, size: int = -1) -> bytes:
        """Return the next piece, of at most `size` bytes, which then counts as sent; nothing at the end."""
        if not self.left:
            return b""
        piece = self._source.read(min(PIECE, self.left, size if size > 0 else PIECE))
        self._begin(len(piece))
        self.sent += len(piece)
        self._piece_left = 0
        return piece

    def send_to(self, client: socket.socket) -> int:
        """Send what the client accepts at once, up to a piece. `client` doesn't block. Return how many bytes those
        were: 0 if it accepts none now, or if all were sent. Raises TransferStopped and OSError."""
        if self._piece_left:
            self.resume_piece()
        elif self.left:
            self._prepare_piece()
        else:
            return 0
        try:
            sent = self._send(client)
        except BlockingIOError:
            return 0
        self._piece_left -= sent
        self.sent += sent
        return sent

    def close(self) -> None:
        """Called by the server when everything was sent, or the client disconnected."""
        self._source.close()
        if not self._closed:
            self._closed = True
            self.end()

    def begin_piece(self, *, is_last: bool) -> None:
        """Called before a piece is sent."""

    def resume_piece(self) -> None:
        """Called before the rest of a piece is sent to a client that did not accept all of it."""

    def end(self) -> None:
        """Called once, when the transfer is over."""

    def raise_short(self) -> NoReturn:
        """Called when the source has fewer bytes than were announced."""
        raise TransferStopped("the file is too short")

    def _begin(self, length: int) -> None:
        if not length:
            self.raise_short()
        self.begin_piece(is_last=length == self.left)
        self._piece_left = length

    def _prepare_piece(self) -> None:
        if self._descriptor is None:
            piece = self._source.read(min(PIECE, self.left))
            self._begin(len(piece))
            self._held = memoryview(piece)
        else:
            there = os.fstat(self._descriptor).st_size - self._first - self.sent
            self._begin(max(min(PIECE, self.left, there), 0))

    def _send(self, client: socket.socket) -> int:
        if self._descriptor is None:
            sent = client.send(self._held)
            self._held = self._held[sent:]
            return sent
        sent = os.sendfile(client.fileno(), self._descriptor, self._first + self.sent, self._piece_left)
        if not sent:
            self.raise_short()
        return sent


def response_with(transfer: Transfer, media_type: str) -> FileResponse:
    """Return the response that has the transfer as its body."""
    response = FileResponse(transfer, content_type=media_type)
    response.block_size = PIECE
    return response


def _descriptor_of(source: IO[bytes]) -> int | None:
    """The source's file descriptor if it is a file of this machine."""
    if not isinstance(source, io.IOBase):
        return None
    try:
        return source.fileno()
    except OSError:
        return None
