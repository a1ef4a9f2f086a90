"""Layers that the kernel copies to the client's connection: the same bytes, counted and stopped in the same way."""

from __future__ import annotations

import os
import socket
import ssl
import struct
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from groups.delivery import sending
from groups.models import Image, LayerDelivery
from tests.support.delivery_requests import NAME, body, cut, over
from tests.support.delivery_setup import blob_of, digest_of

PIECE = 64 * 1024


class Wire:
    """A connection to a client, and a clock. Of `waits`, each is a time in seconds in which the client accepts nothing;
    between them it accepts `accepted` bytes at a time."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.now = 1000.0
        self.waits: list[float] = []
        self.accepted = PIECE
        self._sendfile = os.sendfile

    def get(self, address: str, headers: dict[str, str]) -> Any:
        return get(address, headers, self.ours)

    def sendfile(self, to: int, source: int, offset: int, count: int) -> int:
        if self.waits:
            self.now += self.waits.pop(0)
            raise BlockingIOError
        return self._sendfile(to, source, offset, min(count, self.accepted))

    def received(self, response: Any) -> bytes:
        """Take the response's pieces, and what the client gets with each."""
        got = b""
        for piece in response:
            assert piece == b"", "the server itself sends nothing"
            self.theirs.setblocking(False)
            try:
                while more := self.theirs.recv(1 << 20):
                    got += more
            except BlockingIOError:
                pass
        return got

    def limit(self) -> int:
        """How many seconds sending may wait."""
        seconds, rest = struct.unpack("@ll", self.ours.getsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, 16))
        assert rest == 0, "whole seconds, and no limit is none"
        return int(seconds)


def get(address: str, headers: dict[str, str], connection: socket.socket) -> Any:
    """Get it over this connection, as gunicorn passes it on."""
    server: dict[str, Any] = {"gunicorn.socket": connection}
    return Client().get(address, headers=headers, **server)


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    made = Wire()
    monkeypatch.setattr(sending, "PIECE", PIECE)
    monkeypatch.setattr(sending, "time", SimpleNamespace(monotonic=lambda: made.now))
    monkeypatch.setattr(sending, "os", SimpleNamespace(sendfile=made.sendfile))
    yield made
    made.ours.close()
    made.theirs.close()


@pytest.fixture
def address(layers: list[str]) -> str:
    """That of a layer of 300 kB, in five pieces."""
    return f"{NAME}/blobs/{layers[1]}"


def delivery() -> LayerDelivery:
    return LayerDelivery.objects.get()


def test_the_kernel_sends_a_layer_whole_or_from_an_offset(
    wire: Wire, address: str, bearer: dict[str, str], layers: list[str]
) -> None:
    broken = wire.get(address, bearer)
    size = int(broken["Content-Length"])
    pieces = iter(broken)
    assert [next(pieces), wire.limit(), next(pieces)] == [b"", 1, b""], "the first piece is only for the headers"
    start = wire.theirs.recv(1 << 20)
    assert len(start) == PIECE
    assert delivery().sent_bytes == size, "reserved"
    cut(broken)
    assert wire.limit() == 0, "the connection may serve another request"
    assert (delivery().sent_bytes, delivery().sent_whole) == (PIECE * 2, 0), "what the cut took is sent as well"

    wire.theirs.recv(1 << 20)
    wire.accepted = 10_000  # the kernel may take less than a piece
    rest = wire.get(address, bearer | {"Range": f"bytes={PIECE}-"})
    assert rest.status_code == 206
    assert digest_of(start + wire.received(rest)) == layers[1]
    assert (delivery().sent_bytes, delivery().sent_whole) == (size + PIECE, 1)
    assert wire.get(address, bearer).status_code == 403


def test_sending_waits_as_long_as_there_is_no_check(
    wire: Wire, address: str, bearer: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a limit it would wait for ever."""
    for seconds, limit in ((0.5, 1), (2.9, 2)):
        monkeypatch.setattr(sending, "CHECK_SECONDS", seconds)
        response = wire.get(address, bearer)
        next(iter(response))
        assert wire.limit() == limit
        cut(response)


def test_a_client_that_accepts_nothing_for_a_minute_is_cut(wire: Wire, address: str, bearer: dict[str, str]) -> None:
    wire.accepted, wire.waits = 10_000, [30.0, 30.0]
    pieces = iter(wire.get(address, bearer))
    next(pieces)
    next(pieces)
    assert delivery().sent_whole == 0
    # Whoever accepts a little now and then is slow, and not stalled: the minute begins with each byte.
    wire.waits = [40.0]
    next(pieces)
    wire.waits = [40.0, 20.5, 0.0]
    with pytest.raises(sending.TransferStopped):
        next(pieces)
    assert wire.waits == [0.0], "after more than 60 seconds, not before"
    assert delivery().sent_bytes == 2 * PIECE, "what was not sent is given back"


def test_a_session_that_ends_while_the_client_accepts_nothing_is_noticed(
    wire: Wire, address: str, bearer: dict[str, str]
) -> None:
    pieces = iter(wire.get(address, bearer))
    next(pieces)
    over("ended")
    wire.waits = [1.0, 1.0]
    with pytest.raises(sending.TransferStopped):
        next(pieces)
    assert wire.waits == [1.0]


@pytest.mark.parametrize("is_kernel", [True, False])
def test_a_session_is_checked_once_a_second(wire: Wire, address: str, bearer: dict[str, str], is_kernel: bool) -> None:
    response = wire.get(address, bearer) if is_kernel else Client().get(address, headers=bearer)
    pieces = iter(response)
    next(pieces)
    wire.now = 1001.0
    next(pieces)  # checked: the next time is a second later
    over("ended")
    wire.now = 1001.9
    next(pieces)
    wire.now = 1002.0
    with pytest.raises(sending.TransferStopped):
        next(pieces)


@pytest.mark.parametrize("is_kernel", [True, False])
def test_a_blob_that_is_too_short_is_no_whole_layer(
    wire: Wire, address: str, bearer: dict[str, str], image: Image, blobs: Path, is_kernel: bool
) -> None:
    os.truncate(blobs / blob_of(image, 1).name, 1000)
    response = wire.get(address, bearer) if is_kernel else Client().get(address, headers=bearer)
    with pytest.raises(sending.TransferStopped):
        body(response)
    assert (delivery().sent_bytes, delivery().sent_whole) == (1000, 0)


def test_a_connection_that_the_kernel_can_not_send_to(
    wire: Wire, address: str, bearer: dict[str, str], layers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes that the kernel sent past TLS would be in clear, and the client would take them for an attack."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours, theirs = socket.socketpair()
    with theirs, context.wrap_socket(ours, server_side=True, do_handshake_on_connect=False) as encrypted:
        response = get(address, bearer, encrypted)
        assert digest_of(body(response)) == layers[1]
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.recv(1)


def test_a_store_without_files_is_sent_by_the_server(
    wire: Wire, address: str, bearer: dict[str, str], layers: list[str], image: Image, blobs: Path, settings: Any
) -> None:
    settings.STORAGES = settings.STORAGES | {"blobs": {"BACKEND": "tests.groups.storage.test_store.Memory"}}
    from django.core.files.base import ContentFile
    from django.core.files.storage import storages

    name = blob_of(image, 1).name
    storages["blobs"].save(name, ContentFile((blobs / name).read_bytes()))
    (blobs / name).unlink()
    rest = wire.get(address, bearer | {"Range": "bytes=1-"})
    first = wire.get(address, bearer | {"Range": "bytes=0-0"})
    assert digest_of(body(first) + body(rest)) == layers[1]


def test_a_client_that_is_gone_costs_what_it_got(wire: Wire, address: str, bearer: dict[str, str]) -> None:
    pieces = iter(wire.get(address, bearer))
    next(pieces)
    next(pieces)
    wire.theirs.close()
    with pytest.raises(BrokenPipeError):
        next(pieces)
    assert delivery().sent_bytes == PIECE
