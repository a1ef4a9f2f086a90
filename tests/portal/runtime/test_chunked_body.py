"""Chunked bodies: what is one, and what it costs to read."""

from __future__ import annotations

import time

import pytest
from waitress.buffers import OverflowableBuffer

from portal.runtime.chunked_body import MAX_TRAILER, ChunkedBody


def read(data: bytes, at_once: int = 1 << 16) -> tuple[ChunkedBody, int]:
    body, position = ChunkedBody(OverflowableBuffer(64 * 1024)), 0
    while position < len(data) and not body.completed and body.error is None:
        position += body.received(data[position : position + at_once])
    return body, position


@pytest.mark.parametrize("at_once", [1, 2, 3, 7, 1 << 16])
@pytest.mark.parametrize("trailer", [b"", b"Digest: x\r\nOther: y\r\n"])
def test_it_is_read_whatever_arrives_together(at_once: int, trailer: bytes) -> None:
    whole = b"5\r\nabcde\r\nA;name=value\r\n0123456789\r\n0\r\n" + trailer + b"\r\n"
    body, position = read(whole + b"GET / HTTP/1.1\r\n", at_once)
    assert body.completed
    assert position == len(whole), "what follows is the next request"
    assert body.getfile().read() == b"abcde0123456789"
    assert len(body) == 15


@pytest.mark.parametrize(
    "data",
    [
        b"5\n\r\nabcde\r\n0\r\n\r\n",
        b"5\nabcde\r\n0\r\n\r\n",
        b"\r\n5\r\nabcde\r\n0\r\n\r\n",
        b"0x5\r\nabcde\r\n0\r\n\r\n",
        b"+5\r\nabcde\r\n0\r\n\r\n",
        b" 5\r\nabcde\r\n0\r\n\r\n",
        b"-1\r\n",
        b"5;a\rb\r\nabcde\r\n0\r\n\r\n",
        b"5\r\nabcdeXX0\r\n\r\n",
        b"5\r\nabcde0\r\n\r\n",
        b"1" * 16 + b"\r\n",
        b"0" * 5000,
        b"5;" + b"a" * 5000 + b"\r\n",
        b"0\r\nTrailer: x\n\n",
        b"0\r\n" + b"a" * 5000,
        b"0\r\n" + b"a: b\r\n" * (MAX_TRAILER // 2),
    ],
)
@pytest.mark.parametrize("at_once", [1, 1 << 16])
def test_what_another_server_could_read_in_another_way_is_refused(data: bytes, at_once: int) -> None:
    body, position = read(data, at_once)
    assert body.error is not None
    assert not body.completed
    assert position == len(data) or at_once == 1


def test_its_time_grows_with_its_length() -> None:
    """Of small chunks that arrive together, none is moved for the others."""
    body = ChunkedBody(OverflowableBuffer(64 * 1024))
    begin = time.process_time()
    body.received(b"1\r\na\r\n" * 200_000)
    assert len(body) == 200_000
    body.getbuf().close()
    assert time.process_time() - begin < 5, "waitress's receiver takes a minute"
