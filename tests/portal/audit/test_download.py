"""Sending an export to clients that are slow, leave, or read to the end."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.http import HttpResponseBase

from groups.delivery import transfers
from groups.delivery.transfers import TransferStopped
from portal.audit import download, export_slots
from portal.audit.download import Download
from registries.foundation.ids import OrganizationId
from tests.support.exports import Clock

PAGE = "/o/acme/settings/activity/"
pytestmark = pytest.mark.usefixtures("free_slots")
ORGANIZATION = OrganizationId(1)


def lines_of(response: HttpResponseBase) -> list[dict[str, object]]:
    assert response.streaming
    return [json.loads(line) for line in response.getvalue().decode().splitlines()]


def nothing() -> None:
    """What is called when a download ends, where the test doesn't care."""


class TestSending:
    @pytest.fixture
    def ends(self) -> Iterator[tuple[socket.socket, socket.socket]]:
        """The server's end of a connection, which doesn't block, and the client's."""
        server, client = socket.socketpair()
        server.setblocking(False)
        yield server, client
        server.close()
        client.close()

    def test_the_file_is_sent_and_closed(self, tmp_path: Path, ends: tuple[socket.socket, socket.socket]) -> None:
        server, client = ends
        (tmp_path / "file").write_bytes(b"0123456789" * 100)
        closed: list[bool] = []
        file = (tmp_path / "file").open("rb")
        body = Download(file, 1000, on_close=lambda: closed.append(True))

        assert [body.send_to(server), body.left, body.send_to(server)] == [1000, 0, 0]
        for _ in range(2):
            body.close()
        assert client.recv(2000) == b"0123456789" * 100
        assert closed == [True]
        assert file.closed

    @pytest.mark.parametrize("seconds", [download.MAX_STALLED_SECONDS + 1, download.MAX_SEND_SECONDS + 1])
    def test_a_client_that_reads_nothing_is_cut_off(
        self,
        tmp_path: Path,
        ends: tuple[socket.socket, socket.socket],
        clock: Clock,
        monkeypatch: pytest.MonkeyPatch,
        seconds: float,
    ) -> None:
        monkeypatch.setattr("os.sendfile", lambda *arguments: 1)
        (tmp_path / "file").write_bytes(bytes(1000))
        slot = export_slots.take(ORGANIZATION)
        body = Download((tmp_path / "file").open("rb"), 1000, on_close=slot.release)
        assert body.send_to(ends[0]) == 1
        clock.now += seconds
        with pytest.raises(TransferStopped):
            body.send_to(ends[0])
        body.close()

    def test_a_client_that_reads_a_little_now_and_then_is_cut_off(
        self,
        tmp_path: Path,
        ends: tuple[socket.socket, socket.socket],
        clock: Clock,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("os.sendfile", lambda *arguments: 1)
        (tmp_path / "file").write_bytes(bytes(1000))
        body = Download((tmp_path / "file").open("rb"), 1000, on_close=nothing)

        def read_slowly() -> None:
            while body.send_to(ends[0]):
                clock.now += 20

        with pytest.raises(TransferStopped):
            read_slowly()
        body.close()
        assert body.sent == download.MAX_SEND_SECONDS / 20 + 1

    def test_at_another_server_the_time_is_limited_too(
        self, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(transfers, "PIECE", 400)
        (tmp_path / "file").write_bytes(bytes(1000))
        body = Download((tmp_path / "file").open("rb"), 1000, on_close=nothing)
        assert len(body.read()) == 400
        clock.now += download.MAX_STALLED_SECONDS + 1
        with pytest.raises(TransferStopped):
            body.read()
        body.close()
