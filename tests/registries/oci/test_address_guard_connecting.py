"""Connections go only to the addresses that were checked."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import ip_network
from itertools import cycle

import pytest

from registries.failures import HostNotAllowed
from registries.oci.address_guard import AddressGuard
from registries.oci.deadline_sockets import DeadlineSocket

LOOPBACK = [ip_network("127.0.0.0/8")]


def test_a_name_that_changes_its_answer_is_connected_to_where_it_was_checked() -> None:
    answers = cycle(["127.0.0.1", "10.0.0.1"])
    with socket.create_server(("127.0.0.1", 0)) as server:
        guard = AddressGuard(LOOPBACK, resolver=lambda host, port: [(next(answers), port)])
        port = server.getsockname()[1]
        with guard.connect("registry.example", port, 2, plain=True) as opened:
            assert opened.getpeername()[0] == "127.0.0.1"
        with pytest.raises(HostNotAllowed):
            guard.connect("registry.example", port, 2, plain=True)


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


def test_open_and_closed_ports_inside_look_alike(closed_port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        seen = []
        for port in (server.getsockname()[1], closed_port):
            with pytest.raises(HostNotAllowed) as refusal:
                AddressGuard().connect("127.0.0.1", port, 2, plain=False)
            seen.append(refusal.value.params)
        assert seen[0] == seen[1]
        with pytest.raises(BlockingIOError):
            server.accept()


def test_four_addresses_are_tried(closed_port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        closed = [(f"127.0.0.{last}", closed_port) for last in (2, 3, 4, 5)]
        AddressGuard(LOOPBACK, resolver=lambda host, _: [*closed[:3], ("127.0.0.1", port)]).connect(
            "registry.example", 443, 2, plain=False
        ).close()
        with pytest.raises(ConnectionRefusedError):
            AddressGuard(LOOPBACK, resolver=lambda host, _: [*closed, ("127.0.0.1", port)]).connect(
                "registry.example", 443, 2, plain=False
            )


def test_a_connection_that_ends_elsewhere_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[DeadlineSocket] = []

    class Diverted(DeadlineSocket):
        def getpeername(self) -> tuple[str, int]:
            return ("10.0.0.1", 443)

        def close(self) -> None:
            closed.append(self)
            super().close()

    monkeypatch.setattr("registries.oci.address_guard.DeadlineSocket", Diverted)
    with socket.create_server(("127.0.0.1", 0)) as server:
        guard = AddressGuard(LOOPBACK, resolver=lambda host, port: [("127.0.0.1", port)])
        with pytest.raises(HostNotAllowed) as refusal:
            guard.connect("registry.example", server.getsockname()[1], 2, plain=False)
    assert refusal.value.params == {"host": "registry.example"}
    assert len(closed) == 1


def test_the_next_address_is_tried(closed_port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        guard = AddressGuard(LOOPBACK, resolver=lambda host, _: [("127.0.0.2", closed_port), ("127.0.0.1", port)])
        guard.connect("registry.example", 443, 2, plain=False).close()
        refusing = AddressGuard(LOOPBACK, resolver=lambda host, _: [("127.0.0.1", closed_port)])
        with pytest.raises(ConnectionRefusedError):
            refusing.connect("registry.example", 443, 2, plain=False)
