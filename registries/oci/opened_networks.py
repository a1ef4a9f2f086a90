"""Networks that an operator opens for a purpose, each with its ports and whether unencrypted HTTP is allowed there.

    network [ports …] [tls | plain]            several are separated by commas

    10.0.0.0/8 443 5000-5010 tls               TLS only, on these ports
    192.168.7.20 5000 plain                    unencrypted HTTP too, with credentials
    127.0.0.0/8                                loopback never leaves the machine: as with `plain`
    fd00::/8                                   TLS; without TLS public images only, no credentials

An entry only opens: what one of several allows is allowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

OTHER_SERVICES = frozenset(
    {22, 1080, 1433, 1521, 1719, 1720, 1723, 2049, 2375, 2376, 2379, 2380, 3128, 3306, 3389, 3659, 4045, 4369, 5060}
    | {5061, 5432, 5672, 5984, 6000, 6379, 6443, 6566, 6697, 8500, 9042, 9092, 9200, 9300, 10080, 10250, 11211}
    | {15672, 16379, 25565, 26379, 27017}
    | set(range(5900, 5911))
    | set(range(6665, 6670))
)
"""Ports of services that might accept the bytes of an HTTP request. They are never connected to."""

_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")


class Scheme(StrEnum):
    """What is spoken in an opened network."""

    TLS = "tls"
    PLAIN = "plain"
    UNNAMED = ""


class NetworkInvalid(ValueError):
    """An entry that can't be read; the message is a sentence that says why."""


@dataclass(frozen=True)
class OpenedNetwork:
    """A network with the ports that are open in it, all but those of other services if None."""

    network: Network
    ports: tuple[range, ...] | None = None
    scheme: Scheme = Scheme.UNNAMED

    def opens(self, address: Address, port: int) -> bool:
        """Whether it opens this address and port."""
        if address.version != self.network.version or address not in self.network:
            return False
        if not 0 < port < 65536 or port in OTHER_SERVICES:
            return False
        return self.ports is None or any(port in ports for ports in self.ports)

    def allows_plain(self, address: Address) -> bool:
        """Whether unencrypted HTTP is allowed at an address that it opens."""
        return self.scheme is not Scheme.TLS

    def allows_plain_credentials(self, address: Address) -> bool:
        """Whether credentials may be sent unencrypted to an address that it opens."""
        return self.scheme is Scheme.PLAIN or (self.scheme is Scheme.UNNAMED and address.is_loopback)


def parse(text: str) -> list[OpenedNetwork]:
    """Read a list of networks. Raises NetworkInvalid."""
    return [_entry(words) for entry in text.split(",") if (words := entry.split())]


def opened(networks: Iterable[Network | OpenedNetwork]) -> tuple[OpenedNetwork, ...]:
    """Return these networks; one without ports and scheme is opened as an entry that names only it."""
    return tuple(each if isinstance(each, OpenedNetwork) else OpenedNetwork(each) for each in networks)


def _entry(words: list[str]) -> OpenedNetwork:
    first, rest = words[0], words[1:]
    try:
        network = ip_network(first)
    except ValueError:
        raise NetworkInvalid(
            f"{_shown(first)} is not a network; write one such as 10.0.0.0/8, or an address, and separate several by "
            "commas"
        ) from None
    scheme = Scheme.UNNAMED
    if rest and rest[-1].lower() in (Scheme.TLS, Scheme.PLAIN):
        scheme = Scheme(rest.pop().lower())
    return OpenedNetwork(network, tuple(map(_ports, rest)) or None, scheme)


def _ports(word: str) -> range:
    match = _PORTS.fullmatch(word)
    if match is None:
        raise NetworkInvalid(
            f"{_shown(word)} is neither a port nor tls or plain; after a network come its ports, such as 443 or "
            "5000-5010, and at the end tls or plain"
        )
    first, last = int(match[1]), int(match[2] or match[1])
    if not 0 < first <= last < 65536:
        raise NetworkInvalid(f"{_shown(word)} is not a port between 1 and 65535, nor a range of such ports")
    if first == last and first in OTHER_SERVICES:
        raise NetworkInvalid(f"port {first} can't be opened, because it belongs to another kind of service")
    return range(first, last + 1)


def _shown(word: str) -> str:
    return f"“{word[:40]}”"
