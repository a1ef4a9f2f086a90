"""Finds the client's address behind proxies, for the activity, the ledger and the limits of failed sign-ins.

Each proxy appends the address it was connected from to `X-Forwarded-For`. Only what a proxy of the operator's appended
can be believed: anybody can send the header.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence

from django.conf import settings
from django.http import HttpRequest, HttpResponse

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ClientAddressMiddleware:
    """Sets `REMOTE_ADDR` to the address that connected to the first of the proxies in `PORTAL_TRUSTED_PROXIES`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if proxies := settings.PORTAL_TRUSTED_PROXIES:
            peer = request.META.get("REMOTE_ADDR", "")
            request.META["REMOTE_ADDR"] = client_of(peer, request.headers.get("X-Forwarded-For", ""), proxies)
        return self.get_response(request)


def client_of(peer: str, forwarded_for: str, proxies: Sequence[Network]) -> str:
    """Return the last address that is not a proxy's: of `peer`, which is connected, or in the header, read from its
    end. What is no address ends the reading."""
    address = peer
    for hop in reversed(forwarded_for.split(",")):
        if not _is_in(address, proxies):
            break
        parsed = _parse(hop.strip())
        if parsed is None:
            break
        address = str(parsed)
    return address


def share_of(address: str) -> str:
    """Return whose share of the server an address has: a network of IPv6 has countless ones, so its first 64 bits
    count."""
    parsed = _parse(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address if parsed is None else str(parsed)


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
