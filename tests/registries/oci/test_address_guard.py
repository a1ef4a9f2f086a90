from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import ip_network
from itertools import cycle

import pytest

from registries.failures import HostNotAllowed
from registries.oci.address_guard import AddressGuard

LOOPBACK = [ip_network("127.0.0.0/8")]


def answering(*addresses: str) -> AddressGuard:
    return AddressGuard(resolver=lambda host, port: [(one, port) for one in addresses])


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "127.0.0.1", "127.255.255.254", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "100.64.0.1", "100.100.100.200", "169.254.169.254", "168.63.129.16", "192.0.0.8", "192.0.2.1",
        "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255",
        "240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8",
        "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1",
        "2002:7f00:1::", "2002:808:808::", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1",
        "fe80::1%eth0", "2606:4700::1111%eth0", "fec0::1", "ff02::1",
    ],
)  # fmt: skip
def test_special_addresses_are_refused(address: str) -> None:
    with pytest.raises(HostNotAllowed):
        answering(address).addresses("registry.example", 443)


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "2606:4700::1111"])
def test_public_addresses_are_allowed(address: str) -> None:
    [(found, port)] = answering(address).addresses("registry.example", 443)
    assert (str(found), port) == (address, 443)


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(HostNotAllowed):
        answering("8.8.8.8", "10.0.0.1").addresses("registry.example", 443)


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "①②⑦.0.0.1", "127。0。0。1", "127.0.0.1", "[::1]",
     "localhost", "LOCALHOST.", "[::ffff:127.0.0.1]", "a" * 70 + ".example", "nothing.invalid", ""],
)  # fmt: skip
def test_odd_ways_to_write_loopback_are_refused_by_the_system_resolver_too(host: str) -> None:
    with pytest.raises(HostNotAllowed):
        AddressGuard().addresses(host, 443)


@pytest.mark.parametrize("host", ["134744072", "0x08080808", "8.2056"])
def test_odd_literals_are_refused_even_if_public(host: str) -> None:
    with pytest.raises(HostNotAllowed):
        answering("8.8.8.8").addresses(host, 443)


@pytest.mark.parametrize(
    "host", ["localhost", "x.localhost", "printer.local", "metadata.google.internal", "nas.home.arpa"]
)
def test_local_names_are_refused_whatever_they_resolve_to(host: str) -> None:
    with pytest.raises(HostNotAllowed):
        answering("8.8.8.8").addresses(host, 443)


def test_the_portals_own_host_is_refused() -> None:
    guard = AddressGuard(own_hosts=["Portal.Example"], resolver=lambda host, port: [("8.8.8.8", port)])
    assert guard.addresses("registry.example", 443)
    with pytest.raises(HostNotAllowed):
        guard.addresses("portal.example.", 443)


@pytest.mark.parametrize("port", [-1, 0, 22, 25, 80, 444, 2375, 3306, 5432, 6379, 6443, 9200, 11211, 27017, 65536])
def test_ports_of_other_services_are_refused(port: int) -> None:
    with pytest.raises(HostNotAllowed):
        answering("8.8.8.8").addresses("registry.example", port)


@pytest.mark.parametrize("port", [443, 5000, 5001, 8443, 65535])
def test_ports_that_registries_use_are_allowed(port: int) -> None:
    assert answering("8.8.8.8").addresses("registry.example", port)


def test_an_allowed_network_is_opened_for_plain_http_too() -> None:
    guard = AddressGuard(LOOPBACK, resolver=lambda host, port: [("127.0.0.1", port)])
    assert guard.addresses("localhost", 80)
    assert guard.allows_plain_http("registry.internal", 5000)
    with pytest.raises(HostNotAllowed):
        guard.addresses("registry.internal", 6379)
    with pytest.raises(HostNotAllowed):
        guard.addresses("registry.internal", 22)


def test_plain_http_is_for_allowed_networks_only() -> None:
    guard = answering("8.8.8.8")
    assert not guard.allows_plain_http("registry.example", 5000)
    with pytest.raises(HostNotAllowed):
        guard.addresses("registry.example", 5000, plain=True)


def test_unresolvable_and_refused_are_one_failure() -> None:
    def nothing(host: str, port: int) -> list[tuple[str, int]]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    seen = []
    for guard in (AddressGuard(resolver=nothing), answering(), answering("10.0.0.1"), answering("not an address")):
        with pytest.raises(HostNotAllowed) as refusal:
            guard.addresses("registry.example", 443)
        seen.append((refusal.value.params, refusal.value.raw))
    assert all(one == seen[0] for one in seen)


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


def test_the_next_address_is_tried(closed_port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        guard = AddressGuard(LOOPBACK, resolver=lambda host, _: [("127.0.0.2", closed_port), ("127.0.0.1", port)])
        guard.connect("registry.example", 443, 2, plain=False).close()
        refusing = AddressGuard(LOOPBACK, resolver=lambda host, _: [("127.0.0.1", closed_port)])
        with pytest.raises(ConnectionRefusedError):
            refusing.connect("registry.example", 443, 2, plain=False)
