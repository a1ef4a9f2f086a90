"""Networks that an operator opens: how they are written, and what exactly they open."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from registries.oci.opened_networks import OTHER_SERVICES, NetworkInvalid, OpenedNetwork, Scheme, opened, parse


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("", []),
        (" , ,", []),
        ("127.0.0.0/8", [("127.0.0.0/8", None, "")]),
        ("127.0.0.0/8,fd00::/8", [("127.0.0.0/8", None, ""), ("fd00::/8", None, "")]),
        ("10.1.2.3", [("10.1.2.3/32", None, "")]),
        ("::1 plain", [("::1/128", None, "plain")]),
        ("10.0.0.0/8 tls", [("10.0.0.0/8", None, "tls")]),
        ("10.0.0.0/8 TLS", [("10.0.0.0/8", None, "tls")]),
        ("10.0.0.0/8 443 5000-5010 tls", [("10.0.0.0/8", (range(443, 444), range(5000, 5011)), "tls")]),
        ("  10.0.0.0/8   5000\tplain ,192.168.0.0/16 443",
         [("10.0.0.0/8", (range(5000, 5001),), "plain"), ("192.168.0.0/16", (range(443, 444),), "")]),
        ("10.0.0.0/8 1-65535", [("10.0.0.0/8", (range(1, 65536),), "")]),
    ],
)  # fmt: skip
def test_what_is_written_is_read(text: str, entries: list[tuple[str, tuple[range, ...] | None, str]]) -> None:
    assert parse(text) == [
        OpenedNetwork(ip_network(network), ports, Scheme(scheme)) for network, ports, scheme in entries
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("registry.internal", "“registry.internal” is not a network"),
        ("10.0.0.1/8", "“10.0.0.1/8” is not a network"),
        ("10.0.0.0/33", "is not a network"),
        ("tls", "“tls” is not a network"),
        ("5000", "“5000” is not a network"),
        ("10.0.0.0/8 443,5000 tls", "“5000” is not a network; write one such as 10.0.0.0/8, or an address, and"),
        ("10.0.0.0/8:443", "is not a network"),
        ("10.0.0.0/8 http", "“http” is neither a port nor tls or plain"),
        ("10.0.0.0/8 tls 443", "“tls” is neither a port"),
        ("10.0.0.0/8 tls plain", "“tls” is neither a port"),
        ("10.0.0.0/8 :443", "neither a port"),
        ("10.0.0.0/8 -1", "neither a port"),
        ("10.0.0.0/8 ４４３", "neither a port"),
        ("10.0.0.0/8 443\u200b", "neither a port"),
        ("10.0.0.0/8 123456", "neither a port"),
        ("10.0.0.0/8 0", "“0” is not a port between 1 and 65535"),
        ("10.0.0.0/8 65536", "is not a port"),
        ("10.0.0.0/8 5010-5000", "nor a range"),
        ("10.0.0.0/8 0-10", "nor a range"),
        ("10.0.0.0/8 6379", "port 6379 can't be opened"),
        ("10.0.0.0/8 22", "port 22 can't be opened"),
        ("x" * 500, "“" + "x" * 40 + "”"),
    ],
)
def test_anything_else_is_refused_in_a_sentence(text: str, words: str) -> None:
    with pytest.raises(NetworkInvalid) as refused:
        parse(text)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("entry", "address", "port", "opens", "plain", "credentials"),
    [
        ("127.0.0.0/8", "127.0.0.1", 5000, True, True, True),
        ("127.0.0.0/8", "127.0.0.1", 443, True, True, True),
        ("127.0.0.0/8 tls", "127.0.0.1", 5000, True, False, False),
        ("::1", "::1", 5000, True, True, True),
        ("10.0.0.0/8", "10.255.0.1", 80, True, True, False),
        ("10.0.0.0/8 plain", "10.255.0.1", 80, True, True, True),
        ("10.0.0.0/8 tls", "10.255.0.1", 443, True, False, False),
        ("fd00::/8", "fd12::1", 443, True, True, False),
        ("0.0.0.0/0", "127.0.0.1", 5000, True, True, True),  # loopback is loopback
        ("0.0.0.0/0", "8.8.8.8", 5000, True, True, False),
        ("10.0.0.0/8 443 plain", "10.0.0.1", 5000, False, True, True),
        ("10.0.0.0/8 443 5000-5010", "10.0.0.1", 5010, True, True, False),
        ("10.0.0.0/8 443 5000-5010", "10.0.0.1", 5011, False, True, False),
        ("10.0.0.0/8", "11.0.0.1", 443, False, True, False),
        ("10.0.0.0/8", "::ffff:10.0.0.1", 443, False, True, False),
        ("0.0.0.0/0", "::1", 443, False, True, True),
    ],
)
def test_what_an_entry_opens(entry: str, address: str, port: int, opens: bool, plain: bool, credentials: bool) -> None:
    (network,) = parse(entry)
    found = ip_address(address)
    assert (network.opens(found, port), network.allows_plain(found), network.allows_plain_credentials(found)) == (
        opens,
        plain,
        credentials,
    )


def test_other_services_stay_shut_within_a_range() -> None:
    (network,) = parse("10.0.0.0/8 1-65535 plain")
    for port in [0, -1, 65536, *OTHER_SERVICES]:
        assert not network.opens(ip_address("10.0.0.1"), port)


def test_a_network_alone_is_opened_as_an_entry_of_it() -> None:
    network = ip_network("10.0.0.0/8")
    assert opened([network, *parse("fd00::/8 tls")]) == tuple(parse("10.0.0.0/8, fd00::/8 tls"))
