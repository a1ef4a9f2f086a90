"""Clients that are slow, that leave, or that read a long body to its end."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from waitress.adjustments import Adjustments

from groups.delivery.transfers import Transfer, TransferStopped
from portal.runtime import http_connection, http_server
from portal.runtime.deadlines import Deadlines
from portal.runtime.http_connection import Connection
from portal.runtime.transfer_buffers import TransferBuffer
from tests.support.processes import until
from tests.support.small_portal import LARGE, Portal, get


@pytest.mark.parametrize("start", [b"", get(b"/")])
def test_an_unused_connection_is_closed(portal: Portal, start: bytes) -> None:
    assert portal.ask(start).count(b"HTTP/1.1") == len(start[:1])


@pytest.mark.parametrize("path", [b"/file", b"/long"])
def test_a_client_that_accepts_nothing_is_cut(portal: Portal, path: bytes) -> None:
    with portal.connect(get(path)):
        until(lambda: not list(portal.server.connections()) and portal.seen, 5)
    if path == b"/file":
        until(lambda: portal.over, 5)
        assert 0 < portal.over[0] < LARGE, "what was not sent is known"


class Transferring:
    """A connection whose client is sent a transfer, and the clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.closed, self._patch = 1000.0, False, monkeypatch
        clock = SimpleNamespace(monotonic=lambda: self.now, time=lambda: self.now)
        monkeypatch.setattr(http_connection, "time", clock)
        server: Any = SimpleNamespace(
            deadlines=Deadlines(), transfers=SimpleNamespace(add_task=lambda task: None), pull_trigger=lambda: None,
            is_ending=False, active_channels={},
        )  # fmt: skip
        ours, self._client = socket.socketpair()
        self.connection = Connection(server, ours, ("127.0.0.1", 1), Adjustments(), map={})
        self.buffer = TransferBuffer(Transfer(io.BytesIO(bytes(LARGE)), 0, LARGE))
        self.buffer.prepare()
        self.connection.outbufs.append(self.buffer)
        self.connection.total_outbufs_len = LARGE
        monkeypatch.setattr(self.connection, "handle_close", self._close)

    def turn(self, sent: int, *, client: float, ours: float) -> None:
        """The client accepts nothing for some seconds, and then some bytes, which takes us some seconds. There is a
        check before and during the transfer."""

        def send_to(socket: object) -> int:
            self.now += ours
            self.connection.check_deadline(self.now)
            return sent if first.pop() else 0

        first = [False, True]
        self.now += client
        self.connection.check_deadline(self.now)
        self._patch.setattr(self.buffer.transfer, "send_to", send_to)
        self.connection.send(self.buffer)
        while self.connection.is_transferring:
            self.connection.send_transfer(self.buffer)

    def _close(self) -> None:
        self.closed = True

    def close(self) -> None:
        self._client.close()
        self.connection.socket.close()


@pytest.fixture
def transferring(monkeypatch: pytest.MonkeyPatch) -> Iterator[Transferring]:
    made = Transferring(monkeypatch)
    yield made
    made.close()


def test_a_client_that_accepts_a_little_at_each_check_is_cut(transferring: Transferring) -> None:
    for _ in range(40):
        transferring.turn(1000, client=1, ours=0.001)
    assert transferring.closed


@pytest.mark.parametrize(("client", "ours"), [(1, 0.001), (1, 9), (0.01, 100)])
def test_a_client_that_is_fast_enough_is_not(transferring: Transferring, client: float, ours: float) -> None:
    """However slow our disk is."""
    for _ in range(100):
        transferring.turn(33_000, client=client, ours=ours)
    assert not transferring.closed
    assert transferring.connection.slow_send_rate(transferring.now) is None


def test_a_client_that_becomes_slow_is_cut(transferring: Transferring) -> None:
    for _ in range(100):
        transferring.turn(100_000, client=1, ours=1)
    assert not transferring.closed
    for _ in range(70):
        transferring.turn(1000, client=1, ours=1)
    assert transferring.closed


def test_a_client_that_reads_gets_all(portal: Portal) -> None:
    with portal.connect(get(b"/file")) as connection:
        left = LARGE
        while left > 0:
            left -= len(connection.recv(1 << 20))
        until(lambda: portal.over, 5)
        assert portal.over == [LARGE]


def test_slow_readers_take_no_thread(patient: Portal) -> None:
    """There is one thread for all."""
    slow = [patient.connect(get(b"/file")) for _ in range(30)]
    until(lambda: len(patient.seen) == 30, 5)
    assert patient.ask(get(b"/", more=b"Connection: close\r\n")).endswith(b"yes")
    for connection in slow:
        connection.close()
    until(lambda: len(patient.over) == 30, 5)
    assert all(sent < LARGE for sent in patient.over)


def test_a_request_whose_client_left_is_dropped(patient: Portal) -> None:
    first = patient.connect(get(b"/waits"))
    patient.waits.acquire()
    others = [patient.connect(get(b"/?left")) for _ in range(20)]
    for connection in others:
        until(lambda: len(patient.server.tasks.queue), 5)
        connection.close()
    until(lambda: len(list(patient.server.connections())) == 1, 5)
    patient.goes_on.set()
    assert first.recv(10)
    first.close()
    assert patient.ask(get(b"/", more=b"Connection: close\r\n")).endswith(b"yes")
    assert [seen["QUERY_STRING"] for seen in patient.seen] == ["", ""]


def test_a_transfer_that_stops_closes_the_connection(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(transfer: Transfer, *, is_last: bool) -> None:
        if transfer.sent:
            raise TransferStopped("over")

    monkeypatch.setattr(Transfer, "begin_piece", stop)
    got = portal.ask(get(b"/file"))
    assert got.startswith(b"HTTP/1.1 200")
    assert len(got) < LARGE
    assert len(portal.over) == 1


def test_connections_that_accept_slowly_make_room_if_there_are_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_connection, "SLOW_AFTER_SECONDS", 0.1)
    monkeypatch.setattr(http_server, "CHECK_SECONDS_IF_FULL", 0.02)
    made = Portal(tmp_path, Deadlines())
    made.server.max_connections = made.server.adjustments.connection_limit = 20
    slow = [made.connect(get(b"/file")) for _ in range(40)]
    assert made.ask(get(b"/", more=b"Connection: close\r\n")).endswith(b"yes")
    for connection in slow:
        connection.close()
    made.close()


def test_connections_beyond_the_limit_take_the_place_of_those_that_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "MIN_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(http_server, "CHECK_SECONDS_IF_FULL", 0.02)
    made = Portal(tmp_path, Deadlines())
    made.server.max_connections = made.server.adjustments.connection_limit = 20
    slow = [made.connect(b"GET /") for _ in range(100)]
    assert made.ask(get(b"/", more=b"Connection: close\r\n")).endswith(b"yes")
    for connection in slow:
        connection.close()
    made.close()
