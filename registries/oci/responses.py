"""Undecoded bodies of responses, read within the limits of time.

Exceptions of the connection become failures here, without their context.
"""

from __future__ import annotations

import http.client
import io
import ssl
import time
import zlib
from typing import TYPE_CHECKING

from registries.failures import PullFailed, Where
from registries.oci.connection_errors import transport_failure
from registries.oci.deadline_sockets import DeadlineSocket, DeadlineTlsSocket
from registries.oci.timeouts import Timeouts

if TYPE_CHECKING:
    from urllib3.response import HTTPResponse

_CHUNK = 64 * 1024
_HEAD_BUFFER = io.DEFAULT_BUFFER_SIZE
"""At least the size of the buffer through which http.client reads headers. A read that long empties it."""
_MAX_FILL_SECONDS = 0.25
_GZIP = b"\x1f\x8b"


class Response:
    """A response whose body is not read yet. Close it, or read it to its end. `where` is which service of which
    registry it came from."""

    def __init__(self, raw: HTTPResponse, where: Where, timeouts: Timeouts) -> None:
        self.status = raw.status
        self.headers = raw.headers
        self._raw = raw
        self._body: http.client.HTTPResponse = raw._original_response  # type: ignore[assignment]
        self._socket: DeadlineSocket | DeadlineTlsSocket = raw.deadline_socket  # type: ignore[attr-defined]
        self.where = where
        self._timeouts = timeouts
        self._drained = False

    @property
    def length(self) -> int | None:
        """The announced bytes that are still to come; None if the length was not announced."""
        return self._body.length

    def readinto1(self, buffer: memoryview) -> int:
        """Read into `buffer` what arrives within a short time; return the number of bytes, 0 at the end.

        Raises `RegistryUnreachable` on timeouts, on resets, and when the body ends before the announced length.
        """
        try:
            return self._readinto1(buffer)
        except ssl.SSLError:
            failure = self._failure(ConnectionResetError())
        except (OSError, http.client.HTTPException, ValueError) as error:
            failure = self._failure(error)
        self.close()
        raise failure

    def read(self, limit: int) -> bytes | None:
        """Return the whole body, or None if it is longer than `limit` bytes. `Timeouts.document` limits its time.

        One that is compressed with gzip is decompressed, though it was asked for as it is, and one that is only said to
        be compressed is left alone: its first bytes decide, not Content-Encoding.
        """
        body = bytearray()
        chunk = memoryview(bytearray(_CHUNK))
        deadline = time.monotonic() + self._timeouts.document
        if self.length is not None and self.length > limit:
            self.close()
            return None
        while count := self.readinto1(chunk):
            body += chunk[:count]
            if len(body) > limit:
                self.close()
                return None
            if time.monotonic() > deadline:
                self.close()
                raise self._failure(TimeoutError())
        return _decompressed(bytes(body), limit) if body.startswith(_GZIP) else bytes(body)

    def _failure(self, error: BaseException) -> PullFailed:
        return transport_failure(error, self.where["host"], self.where["service"], self.where["met"])

    def _fill(self, view: memoryview) -> int:
        """Read at least once, and again while more arrives. A transfer is thousands of short reads, so they bypass
        http.client and go to the socket once the buffer of the headers is empty."""
        fp = self._body.fp
        if not self._drained:
            self._drained = len(view) >= _HEAD_BUFFER
            return int(fp.readinto1(view))
        filled, end = 0, time.monotonic() + _MAX_FILL_SECONDS
        while filled < len(view):
            try:
                count = self._socket.recv_into(view[filled:])
            except OSError:
                if not filled:
                    raise
                break  # return what arrived; the next read raises the error again
            filled += count
            if not count or time.monotonic() > end:
                break
        return filled

    def close(self) -> None:
        """Close the connection, or return it to the pool if the body was read to its end."""
        if self._body.isclosed():
            self._raw.release_conn()
        else:
            self._raw.close()

    def _readinto1(self, buffer: memoryview) -> int:
        body = self._body
        if body.isclosed():
            return 0
        if body.chunked:
            # Chunk headers and trailers are lines without a length limit, so their time is limited.
            self._socket.deadline = time.monotonic() + self._timeouts.head
            data = body.read1(len(buffer))
            buffer[: len(data)] = data
            count = len(data)
        elif body.length is None:
            count = body.fp.readinto1(buffer)
        else:
            count = self._fill(buffer[: body.length]) if body.length else 0
            if count == 0 and body.length:
                raise RemoteEndedEarly
            body.length -= count
        if count == 0 or body.length == 0:
            body.close()
            self._raw.release_conn()
        return count


def _decompressed(body: bytes, limit: int) -> bytes | None:
    """Return what `body` is with gzip, None if that is longer than `limit` bytes; or `body` if it can't be read."""
    reader = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        document = reader.decompress(body, limit + 1)
    except zlib.error:
        return body
    if len(document) > limit:
        return None
    return document if reader.eof else body


class RemoteEndedEarly(http.client.HTTPException):
    """The connection ended before the announced length."""
