"""Long bodies on a connection: what a server sends that asks for more whenever the client accepts some."""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.test import Client, RequestFactory

from groups.delivery import sending, transfers
from groups.delivery.transfers import Transfer, TransferStopped
from groups.models import Image, LayerDelivery
from tests.support.delivery_requests import NAME, body, over
from tests.support.delivery_setup import blob_of, digest_of

PIECE = 64 * 1024


class Wire:
    """A connection to a client, and a clock. Each of `waits` is a time in seconds in which the client accepts nothing;
    between them it accepts `accepted` bytes at a time."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.ours.setblocking(False)
        self.theirs.setblocking(False)
        self.now = 1000.0
        self.waits: list[float] = []
        self.accepted = PIECE
        self._sendfile = os.sendfile
        self._transfers: list[Transfer] = []

    def get(self, address: str, headers: dict[str, str]) -> tuple[int, Any]:
        """Ask the application; return the status and what it hands to the server's file wrapper."""
        response = WSGIHandler().get_response(RequestFactory().get(address, headers=headers))
        transfer: Transfer | None = getattr(response, "file_to_stream", None)
        if transfer is not None:
            self._transfers.append(transfer)
        return response.status_code, transfer

    def close(self) -> None:
        for transfer in self._transfers:
            transfer.close()
        self.ours.close()
        self.theirs.close()

    def sendfile(self, to: int, source: int, offset: int, count: int) -> int:
        if self.waits:
            self.now += self.waits.pop(0)
            raise BlockingIOError
        return self._sendfile(to, source, offset, min(count, self.accepted))

    def received(self, transfer: Transfer) -> bytes:
        """Have all of it sent, and return what the client got."""
        got = b""
        while transfer.left:
            transfer.send_to(self.ours)
            got += self.taken()
        transfer.close()
        return got

    def taken(self) -> bytes:
        """What the client finds on its end."""
        got = b""
        try:
            while more := self.theirs.recv(1 << 20):
                got += more
        except BlockingIOError:
            pass
        return got


@pytest.fixture
def wire(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    made = Wire()
    monkeypatch.setattr(transfers, "PIECE", PIECE)
    monkeypatch.setattr(sending, "time", SimpleNamespace(monotonic=lambda: made.now))
    monkeypatch.setattr(transfers, "os", SimpleNamespace(sendfile=made.sendfile, fstat=os.fstat))
    yield made
    made.close()


@pytest.fixture
def address(layers: list[str]) -> str:
    """That of a layer of 300 kB, in five pieces."""
    return f"{NAME}/blobs/{layers[1]}"


def delivery() -> LayerDelivery:
    return LayerDelivery.objects.get()


def test_the_kernel_sends_a_layer_whole_or_from_an_offset(
    wire: Wire, address: str, bearer: dict[str, str], layers: list[str]
) -> None:
    status, broken = wire.get(address, bearer)
    size = broken.left
    assert (status, broken.send_to(wire.ours)) == (200, PIECE)
    start = wire.taken()
    assert delivery().sent_bytes == size, "reserved"
    assert broken.send_to(wire.ours) == PIECE
    broken.close()
    assert (delivery().sent_bytes, delivery().sent_whole) == (PIECE * 2, 0), "what was accepted is sent as well"

    wire.taken()
    wire.accepted = 10_000  # the kernel may take less than a piece
    status, rest = wire.get(address, bearer | {"Range": f"bytes={PIECE}-"})
    assert status == 206
    assert digest_of(start + wire.received(rest)) == layers[1]
    assert (delivery().sent_bytes, delivery().sent_whole) == (size + PIECE, 1)
    assert wire.get(address, bearer)[0] == 403


def test_a_client_that_accepts_nothing_costs_no_time(wire: Wire, address: str, bearer: dict[str, str]) -> None:
    """The server comes back when there is room; how long that may take is the server's to say."""
    transfer = wire.get(address, bearer)[1]
    wire.waits = [0.0]
    assert [transfer.send_to(wire.ours) for _ in range(2)] == [0, PIECE]
    transfer.close()
    assert delivery().sent_bytes == PIECE


def test_a_session_that_ends_while_the_client_accepts_nothing_is_noticed(
    wire: Wire, address: str, bearer: dict[str, str]
) -> None:
    wire.accepted = 10_000
    transfer = wire.get(address, bearer)[1]
    assert transfer.send_to(wire.ours) == 10_000
    over("ended")
    wire.now += 1.0
    with pytest.raises(TransferStopped):
        transfer.send_to(wire.ours)
    transfer.close()
    assert delivery().sent_bytes == 10_000


@pytest.mark.parametrize("is_kernel", [True, False])
def test_a_session_is_checked_once_a_second(wire: Wire, address: str, bearer: dict[str, str], is_kernel: bool) -> None:
    transfer = wire.get(address, bearer)[1]

    def go_on() -> int:
        return transfer.send_to(wire.ours) if is_kernel else len(transfer.read())

    go_on()
    wire.now = 1001.0
    go_on()  # checked: the next time is a second later
    over("ended")
    wire.now = 1001.9
    assert go_on() == PIECE
    wire.now = 1002.0
    with pytest.raises(TransferStopped):
        go_on()


@pytest.mark.parametrize("is_kernel", [True, False])
def test_a_blob_that_is_too_short_is_no_whole_layer(
    wire: Wire, address: str, bearer: dict[str, str], image: Image, blobs: Path, is_kernel: bool
) -> None:
    os.truncate(blobs / blob_of(image, 1).name, 1000)
    if is_kernel:
        transfer = wire.get(address, bearer)[1]
        with pytest.raises(TransferStopped):
            wire.received(transfer)
        transfer.close()
    else:
        with pytest.raises(TransferStopped):
            body(Client().get(address, headers=bearer))
    assert (delivery().sent_bytes, delivery().sent_whole) == (1000, 0)


def test_a_store_without_files_is_read_in_pieces(
    wire: Wire, address: str, bearer: dict[str, str], layers: list[str], image: Image, blobs: Path, settings: Any
) -> None:
    settings.STORAGES = settings.STORAGES | {"blobs": {"BACKEND": "tests.groups.storage.test_store.Memory"}}
    from django.core.files.base import ContentFile
    from django.core.files.storage import storages

    name = blob_of(image, 1).name
    storages["blobs"].save(name, ContentFile((blobs / name).read_bytes()))
    (blobs / name).unlink()
    wire.ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # less than a piece is accepted
    first = wire.received(wire.get(address, bearer | {"Range": "bytes=0-0"})[1])
    rest = wire.received(wire.get(address, bearer | {"Range": "bytes=1-"})[1])
    assert digest_of(first + rest) == layers[1]


def test_a_client_that_is_gone_costs_what_it_got(wire: Wire, address: str, bearer: dict[str, str]) -> None:
    transfer = wire.get(address, bearer)[1]
    transfer.send_to(wire.ours)
    wire.theirs.close()
    with pytest.raises(BrokenPipeError):
        transfer.send_to(wire.ours)
    transfer.close()
    assert delivery().sent_bytes == PIECE


def test_another_server_reads_no_more_than_it_asks_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")

    def opened() -> IO[bytes]:
        return (tmp_path / "file").open("rb")

    sources: list[IO[bytes]] = [opened(), io.BytesIO(b"0123456789")]
    for source in sources:
        transfer = Transfer(source, 0, 7)
        assert [transfer.read(4), transfer.read(), transfer.read()] == [b"0123", b"456", b""]
        assert (transfer.left, transfer.sent) == (0, 7)
        transfer.close()
        assert source.closed
