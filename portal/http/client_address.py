"""Who called: the address of the client behind the operator's proxies. Sign-in limits, the API, the activity, the
delivery ledger, metrics and the server's queue all read it from here.

Each proxy appends the address it was connected from to a header. Only what a proxy of the operator's appended can be
believed: anybody can send the header. And only one header is believed (`PORTAL_PROXY_HEADER`): most proxies set one of
`X-Forwarded-For` and `Forwarded` and pass on the other as the client sent it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import TypeAlias

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from portal.http import forwarded_header

Address: TypeAlias = "ipaddress.IPv4Address | ipaddress.IPv6Address"
Network: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"
Proxies: TypeAlias = "Sequence[Network] | int"
"""The networks of the operator's proxies, or how many of them each request passes."""

MAX_HOPS = 32
_OF_PROXIES = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-Ip", "Via")


class ProxyHeader(StrEnum):
    """The header in which the operator's proxies name the client."""

    X_FORWARDED_FOR = "x-forwarded-for"
    FORWARDED = "forwarded"

    @property
    def wsgi_name(self) -> str:
        """Its name in a WSGI environment, without `HTTP_`."""
        return self.value.upper().replace("-", "_")


class ClientAddressMiddleware:
    """Sets `REMOTE_ADDR` to the address that connected to the first of the proxies in `PORTAL_TRUSTED_PROXIES`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.PORTAL_TRUSTED_PROXIES:
            header = ProxyHeader(settings.PORTAL_PROXY_HEADER)
            text = request.META.get(f"HTTP_{header.wsgi_name}", "")
            peer = request.META.get("REMOTE_ADDR", "")
            request.META["REMOTE_ADDR"] = client_of(peer, text, settings.PORTAL_TRUSTED_PROXIES, header)
        return self.get_response(request)


def client_of(peer: str, text: str, proxies: Proxies, header: ProxyHeader | str = ProxyHeader.X_FORWARDED_FOR) -> str:
    """Return the client's address. `peer` is what is connected, `text` the believed header: its last entry is the
    newest.

    With networks, it is the last address that is not a proxy's. With a number, it is that many entries from the end. A
    request with fewer entries didn't pass all the proxies, so it is the peer's. An entry that names no address ends the
    reading: the proxy that appended it doesn't know who called."""
    hops = _newest_first(text, ProxyHeader(header))
    if isinstance(proxies, int):
        return _counted(peer, hops, proxies)
    address = peer
    while _is_in(address, proxies):
        hop = next(hops, None)
        if hop is None:
            break
        address = hop
    return address


def newest_hop(text: str, header: ProxyHeader | str) -> str:
    """Return what the proxy that is connected named as its client, trusted or not; empty if it named nothing."""
    return next(_newest_first(text, ProxyHeader(header)), "")


def share_of(address: str) -> str:
    """Return whose share of the server an address has: a network of IPv6 has countless ones, so its first 64 bits
    count."""
    parsed = _parse(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address if parsed is None else str(parsed)


def is_this_machine(request: HttpRequest) -> bool:
    """Whether the request comes from this machine itself. A proxy on it adds one of these headers, believed or not."""
    if any(name in request.headers for name in _OF_PROXIES):
        return False
    parsed = _parse(request.META.get("REMOTE_ADDR", ""))
    return parsed is not None and parsed.is_loopback


def _counted(peer: str, hops: Iterator[str], proxies: int) -> str:
    """The entry that the outermost of this number of proxies appended; the peer if there are fewer entries."""
    address = ""
    for _ in range(proxies):
        hop = next(hops, None)
        if hop is None:
            return peer
        address = hop
    return address


def _newest_first(text: str, header: ProxyHeader) -> Iterator[str]:
    """The addresses of a header, from its end, each in its one spelling; they end before the first one that is none."""
    entries = forwarded_header.newest_first(text) if header is ProxyHeader.FORWARDED else _entries(text)
    for number, entry in enumerate(entries):
        parsed = _parse(_without_port(entry))
        if parsed is None or number == MAX_HOPS:
            return
        yield str(parsed)


def _entries(text: str) -> Iterator[str]:
    while text:
        text, _, entry = text.rpartition(",")
        yield entry.strip()


def _without_port(entry: str) -> str:
    """The address of `192.0.2.1:80` and `[2001:db8::1]:80`."""
    if entry.startswith("["):
        address, bracket, rest = entry[1:].partition("]")
        return address if bracket and (not rest or (rest[0] == ":" and _is_port(rest[1:]))) else ""
    address, colon, port = entry.partition(":")
    return address if colon and "." in address and _is_port(port) else entry


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 5


def _is_in(address: str, networks: Sequence[Network]) -> bool:
    parsed = _parse(address)
    return parsed is not None and any(parsed in network for network in networks)


def _parse(text: str) -> Address | None:
    """An address; one of IPv4 that a socket of IPv6 shows as `::ffff:192.0.2.1` is one of IPv4."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
