"""A chunked body (RFC 9112, section 7.1), read strictly and without going over what arrived twice.

It replaces waitress's receiver, whose time grows with the square of a long line and of many small chunks: one
client could occupy the thread that watches the sockets. It also took a bare LF in the line of a chunk.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import IO

from waitress.buffers import OverflowableBuffer
from waitress.utilities import BadRequest

MAX_LINE = 1024
MAX_TRAILER = 4096
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n\0]*)?")


class _Line(Enum):
    SIZE = auto()
    END = auto()  # of a chunk's content
    TRAILER = auto()


class ChunkedBody:
    """Collects the content. Has the interface of waitress's receivers."""

    def __init__(self, content: OverflowableBuffer) -> None:
        self.completed = False
        self.error: BadRequest | None = None
        self._content = content
        self._left = 0  # bytes of the chunk's content
        self._begun = b""  # a line without its end
        self._line = _Line.SIZE
        self._trailer_bytes = 0

    def __len__(self) -> int:
        return int(self._content.__len__())

    def getfile(self) -> IO[bytes]:
        """Return the content as a file."""
        file: IO[bytes] = self._content.getfile()
        return file

    def getbuf(self) -> OverflowableBuffer:
        """Return the content."""
        return self._content

    def received(self, data: bytes) -> int:
        """Take what arrived, and return how much of it belongs to the body. After an error that is everything."""
        position, pieces = 0, []
        while position < len(data) and not self.completed and self.error is None:
            if self._left:
                piece = data[position : position + self._left]
                pieces.append(piece)
                self._left -= len(piece)
                position += len(piece)
            else:
                position = self._take_line(data, position)
        if pieces:
            self._content.append(b"".join(pieces))
        return position if self.error is None else len(data)

    def _take_line(self, data: bytes, start: int) -> int:
        """Read to the end of a line, and return where that is."""
        end = data.find(b"\n", start, start + MAX_LINE) + 1
        line = self._begun + data[start : end or start + MAX_LINE]
        if len(line) >= MAX_LINE or (end and not line.endswith(b"\r\n")):
            self.error = BadRequest("A line of the chunked body is malformed")
        elif end:
            self._begun = b""
            self._use(line[:-2])
        else:
            self._begun = line
        return end or len(data)

    def _use(self, line: bytes) -> None:
        match self._line:
            case _Line.SIZE:
                found = _SIZE.fullmatch(line)
                if found is None:
                    self.error = BadRequest("The size of a chunk is malformed")
                    return
                self._left = int(found[1], 16)
                self._line = _Line.END if self._left else _Line.TRAILER
            case _Line.END:
                if line:
                    self.error = BadRequest("A chunk is longer than its size")
                self._line = _Line.SIZE
            case _Line.TRAILER:
                self._trailer_bytes += len(line)
                self.completed = not line
                if self._trailer_bytes > MAX_TRAILER:
                    self.error = BadRequest("The trailer is too long")
