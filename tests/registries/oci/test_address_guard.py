"""Which hosts, addresses and ports are refused, and in which words."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest

from registries.failures import HostNotAllowed, HostUnknown, PullFailed, ResolverFailed, Service
from registries.oci.address_guard import ADDRESS_FAILURES, AddressGuard, named_failure

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


# The first and the last address of each range, of which some Pythons call some public.
RANGES = [
    ("0.0.0.0", "0.255.255.255"),
    ("10.0.0.0", "10.255.255.255"),
    ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"),
    ("168.63.129.16", "168.63.129.16"),
    ("169.254.0.0", "169.254.255.255"),
    ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"),
    ("192.0.2.0", "192.0.2.255"),
    ("192.88.99.0", "192.88.99.255"),
    ("192.168.0.0", "192.168.255.255"),
    ("198.18.0.0", "198.19.255.255"),
    ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"),
    ("224.0.0.0", "239.255.255.255"),
    ("240.0.0.0", "255.255.255.255"),
    ("::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
]


def test_no_range_depends_on_the_opinion_of_python(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (IPv4Address, IPv6Address):
        monkeypatch.setattr(kind, "is_global", True)
        monkeypatch.setattr(kind, "is_multicast", False)
    for address in (address for ends in RANGES for address in ends):
        with pytest.raises(HostNotAllowed):
            answering(address).addresses("registry.example", 443)
    for kind in (IPv4Address, IPv6Address):
        monkeypatch.setattr(kind, "is_global", False)
    for address in ("8.8.8.8", "2606:4700::1111"):
        with pytest.raises(HostNotAllowed):
            answering(address).addresses("registry.example", 443)


NEXT_TO_THEM = [
    "1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
    "191.255.255.255", "192.0.1.0", "192.0.3.0", "192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0",
    "198.17.255.255", "198.20.0.0", "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0",
    "223.255.255.255", "8.8.8.8", "2000::", "2001:200::", "2001:db7::", "2001:db9::", "2003::", "2606:4700::1111",
    "3ffe::", "3fff:1000::",
]  # fmt: skip


def test_public_addresses_are_allowed() -> None:
    for address in NEXT_TO_THEM:
        [(found, port)] = answering(address).addresses("registry.example", 443)
        assert (str(found), port) == (address, 443)


def test_a_name_is_looked_up_as_resolvers_write_it() -> None:
    asked: list[tuple[str, int]] = []

    def resolver(host: str, port: int) -> list[tuple[str, int]]:
        asked.append((host, port))
        return [("8.8.8.8", port)]

    guard = AddressGuard(resolver=resolver)
    for host in ("Registry.Example.", "[2606:4700::1111]", "2606:4700::ABCD"):
        guard.addresses(host, 443)
    assert asked == [("registry.example", 443), ("2606:4700::1111", 443), ("2606:4700::abcd", 443)]


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(HostNotAllowed):
        answering("8.8.8.8", "10.0.0.1").addresses("registry.example", 443)
    with pytest.raises(HostNotAllowed):  # also beyond those that are tried
        answering(*[f"8.8.8.{last}" for last in range(9)], "10.0.0.1").addresses("registry.example", 443)


@pytest.mark.parametrize(
    ("addresses", "port", "case"),
    [
        (["8.8.8.8", "10.0.0.1"], 443, "mixed"),
        (["8.8.8.8", "fd00::1"], 444, "mixed"),
        (["8.8.8.8"], 444, "port"),
        (["8.8.8.8"], 6379, "port"),
        (["10.0.0.1"], 444, None),
    ],
)
def test_what_about_a_host_is_refused(addresses: list[str], port: int, case: str | None) -> None:
    """Of a public address at a port of its own it said that it has no public address."""
    with pytest.raises(HostNotAllowed) as refusal:
        answering(*addresses).addresses("registry.example", port)
    assert refusal.value.params.get("case") == case


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "①②⑦.0.0.1", "127。0。0。1", "127.0.0.1", "[::1]",
     "localhost", "LOCALHOST.", "[::ffff:127.0.0.1]", "a" * 70 + ".example", "nothing.invalid", ""],
)  # fmt: skip
def test_odd_ways_to_write_loopback_are_refused_by_the_system_resolver_too(host: str) -> None:
    with pytest.raises(ADDRESS_FAILURES):
        AddressGuard().addresses(host, 443)


@pytest.mark.parametrize("host", ["134744072", "0x08080808", "8.2056"])
def test_odd_literals_are_refused_even_if_public(host: str) -> None:
    with pytest.raises(HostNotAllowed):
        answering("8.8.8.8").addresses(host, 443)


@pytest.mark.parametrize(
    "host",
    ["localhost", "x.localhost", "local", "printer.local", "internal", "metadata.google.internal", "home.arpa",
     "nas.home.arpa", "NAS.Home.Arpa."],
)  # fmt: skip
def test_local_names_are_refused_whatever_they_resolve_to(host: str) -> None:
    with pytest.raises(HostNotAllowed):
        answering("8.8.8.8").addresses(host, 443)


def test_the_portals_own_host_is_refused() -> None:
    guard = AddressGuard(own_hosts=["Portal.Example"], resolver=lambda host, port: [("8.8.8.8", port)])
    for host in ("registry.example", "not-portal.example", "www.portal.example", "mylocal", "home.arpa.example"):
        assert guard.addresses(host, 443)
    for host in ("portal.example", "portal.example.", "PORTAL.example"):
        with pytest.raises(HostNotAllowed):
            guard.addresses(host, 443)


OTHER_SERVICES = (
    {1080, 1433, 1521, 1719, 1720, 1723, 2049, 2375, 2376, 2379, 2380, 3128, 3306, 3389, 3659, 4045, 4369, 5060, 5061}
    | {5432, 5672, *range(5900, 5911), 5984, 6000, 6379, 6443, 6566, *range(6665, 6670), 6697, 8500, 9042, 9092, 9200}
    | {9300, 10080, 10250, 11211, 15672, 16379, 25565, 26379, 27017}
)


def test_ports_of_other_services_are_refused() -> None:
    """And those below 1024, which need root, but for 443. In an open network those of other services alone."""
    opened = AddressGuard(LOOPBACK, resolver=lambda host, port: [("127.0.0.1", port)])
    for port in [-1, 0, 22, *OTHER_SERVICES, 65536]:
        for guard in (answering("8.8.8.8"), opened):
            with pytest.raises(HostNotAllowed):
                guard.addresses("registry.example", port)
    for port in (1, 25, 80, 442, 444, 1023):
        with pytest.raises(HostNotAllowed):
            answering("8.8.8.8").addresses("registry.example", port)
        assert opened.addresses("registry.example", port)


def test_ports_that_registries_use_are_allowed() -> None:
    for port in (443, 1024, 5000, 5001, 5899, 5911, 8080, 8443, 65535):
        assert answering("8.8.8.8").addresses("registry.example", port)


def test_a_resolver_chooses_no_port_of_another_service() -> None:
    chosen: list[int] = []
    guard = AddressGuard(LOOPBACK, resolver=lambda host, _: [("127.0.0.1", chosen[-1])])
    for port in (0, 22, 6379):
        chosen.append(port)
        with pytest.raises(HostNotAllowed):
            guard.addresses("localhost", 443)


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


def test_networks_are_open_by_their_own_kind_of_address() -> None:
    """The bits of an address of one kind say nothing about the other."""
    guard = AddressGuard(
        [ip_network("10.0.0.0/8"), ip_network("fd00::/8")],
        resolver=lambda host, port: [("10.1.2.3", port), ("fd00::1", port), ("10.1.2.3", port)],
    )
    assert [str(address) for address, _ in guard.addresses("registry.internal", 5000)] == ["10.1.2.3", "fd00::1"]
    assert guard.allows_plain_http("registry.internal", 5000)


def failing(error: Exception) -> AddressGuard:
    def resolver(host: str, port: int) -> list[tuple[str, int]]:
        raise error

    return AddressGuard(resolver=resolver)


@pytest.mark.parametrize("host", ["minio", "registry.internal", "nas.local", "localhost"])
def test_whether_a_private_network_knows_a_name_is_not_told(host: str) -> None:
    seen = []
    for guard in (failing(socket.gaierror(socket.EAI_NONAME, "unknown")), answering(), answering("10.0.0.1")):
        with pytest.raises(HostNotAllowed) as refusal:
            guard.addresses(host, 443)
        seen.append((refusal.value.params, refusal.value.raw))
    assert all(one == seen[0] for one in seen)


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "host_unknown", False),
        (socket.gaierror(socket.EAI_NODATA, "No address associated with hostname"), "host_unknown", False),
        (UnicodeError("label too long"), "host_unknown", False),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), "resolver_failed", True),
        (socket.gaierror(socket.EAI_FAIL, "Non-recoverable failure in name resolution"), "resolver_failed", True),
        (socket.gaierror(socket.EAI_SYSTEM, "System error"), "resolver_failed", True),
        (socket.gaierror(socket.EAI_MEMORY, "Memory allocation failure"), "resolver_failed", True),
        (TimeoutError(), "resolver_failed", True),
        (OSError(24, "Too many open files"), "resolver_failed", True),
    ],
    ids=str,
)
def test_an_unknown_name_is_one_thing_and_a_resolver_that_is_away_another(
    error: Exception, code: str, retryable: bool
) -> None:
    """podman#16342: `lookup registry: i/o timeout` and SERVFAIL (EAI_AGAIN) pass by themselves, NXDOMAIN does not."""
    with pytest.raises(ADDRESS_FAILURES) as refusal:
        failing(error).connect("registry.example", 443, 2, plain=False)
    failure = refusal.value
    assert (failure.code, failure.retryable, failure.keeps_credential) == (code, retryable, True)
    assert failure.fault == ("us" if retryable else "customer")
    assert failure.__cause__ is None


def test_a_name_without_an_address_and_one_with_a_private_address_differ() -> None:
    for found, failure in (((), HostUnknown), (("10.0.0.1",), HostNotAllowed), (("not an address",), HostUnknown)):
        with pytest.raises(failure):
            answering(*found).addresses("registry.example", 443)


@pytest.mark.parametrize("service", list(Service))
@pytest.mark.parametrize(
    "failure", [HostUnknown(host="x"), HostNotAllowed(host="x"), ResolverFailed(host="x", raw="r")]
)
def test_whom_the_registry_sent_us_to_is_named(service: Service, failure: PullFailed) -> None:
    """harbor#20588: layers that are redirected to a private MinIO read "the registry has no public address"."""
    named = named_failure(failure, {"host": "harbor.example", "service": service, "met": "minio.corp.example:9000"})
    assert type(named) is type(failure)
    assert (named.raw, named.params["service"]) == (failure.raw, service)
    assert "minio.corp.example:9000" in named.words.text
    if service is Service.STORAGE:
        assert "storage" in named.words.title
        if not isinstance(failure, ResolverFailed):
            assert "harbor.example sent us to minio.corp.example:9000" in named.words.text
            assert "registry's operator" in named.words.remedy
