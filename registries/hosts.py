"""Which hosts the operator's settings allow as registries.

The worker's guard checks each connection (`registries.oci.address_guard`). `check_host` refuses hosts that can never
work when they are entered, without looking up any name.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import settings

from registries.failures import HostNotAllowed
from registries.oci.address_guard import AddressGuard, Resolver, is_local_name, system_resolver
from registries.oci.reference import ReferenceInvalid, api_host, parse_host

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}  # where the portal and a sample registry may both be
_SOME_PUBLIC_ADDRESS = "8.8.8.8"  # used as the address of names, which are not looked up; nothing connects to it


def read_host(text: str) -> str:
    """Return the canonical `host[:port]`. Raises ReferenceInvalid, with `host_not_allowed` for private addresses,
    local names, refused ports and the portal itself."""
    host = parse_host(text)
    check_host(host)
    return host


def address_guard(resolver: Resolver = system_resolver) -> AddressGuard:
    """Return the guard of the settings: the operator's networks are allowed, the portal's own host is not."""
    own = {urlsplit(url).hostname or "" for url in (settings.PORTAL_PUBLIC_URL, settings.PORTAL_LAYERS_URL)}
    return AddressGuard(settings.PORTAL_REGISTRY_ALLOW_NETWORKS, own_hosts=own - _LOOPBACK, resolver=resolver)


def check_host(host: str) -> None:
    """Raise ReferenceInvalid if the worker would always refuse to connect to this canonical host."""
    parts = urlsplit(f"//{api_host(host)}")
    try:
        address_guard(resolver=_as_if_resolved).addresses(
            parts.hostname or "", 443 if parts.port is None else parts.port
        )
    except HostNotAllowed:
        raise ReferenceInvalid(
            "host_not_allowed",
            "The portal may not connect to this host or port. Use the registry's public host name, with port 443 "
            "or one above 1023; an operator can open a private network.",
        ) from None


def _as_if_resolved(host: str, port: int) -> list[tuple[str, int]]:
    try:
        return [(str(ip_address(host)), port)]
    except ValueError:
        pass
    opened = settings.PORTAL_REGISTRY_ALLOW_NETWORKS
    if opened and is_local_name(host):
        return [(str(opened[0].network_address), port)]
    return [(_SOME_PUBLIC_ADDRESS, port)]
