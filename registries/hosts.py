"""Which hosts the operator's settings allow, as registries, as receivers of webhooks and as identity providers.

A network that is opened for one purpose is not open for the other. The worker's guard checks each connection
(`registries.oci.address_guard`). `check_host` refuses hosts that can never work when they are entered, without looking
up any name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import settings

from registries.failures import HostNotAllowed
from registries.oci.address_guard import AddressGuard, Resolver, is_local_name, system_resolver
from registries.oci.opened_networks import OpenedNetwork, Scheme, opened
from registries.oci.reference import ReferenceInvalid, api_host, parse_host

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}  # where the portal and a sample registry may both be
_SOME_PUBLIC_ADDRESS = "8.8.8.8"  # used as the address of names, which are not looked up; nothing connects to it


class Purpose(StrEnum):
    """What a host is connected to for."""

    REGISTRY = "registry"
    WEBHOOK = "webhook"
    SIGN_IN = "sign-in"


def opened_networks(purpose: Purpose) -> Sequence[OpenedNetwork]:
    """Return the networks that the operator opened for this purpose.

    Messages of webhooks name groups, and answers of identity providers say who somebody is. So a network that names no
    scheme is opened for them over TLS only, unless it is loopback.
    """
    if purpose is Purpose.REGISTRY:
        return opened(settings.PORTAL_REGISTRY_ALLOW_NETWORKS)
    is_webhook = purpose is Purpose.WEBHOOK
    networks = opened(settings.PORTAL_WEBHOOK_ALLOW_NETWORKS if is_webhook else settings.PORTAL_SSO_ALLOW_NETWORKS)
    return [
        replace(entry, scheme=Scheme.PLAIN if entry.network.is_loopback else Scheme.TLS)
        if entry.scheme is Scheme.UNNAMED
        else entry
        for entry in networks
    ]


def read_host(text: str) -> str:
    """Return the canonical `host[:port]` of a registry. Raises ReferenceInvalid, with `host_not_allowed` for private
    addresses, local names, refused ports and the portal itself."""
    host = parse_host(text)
    check_host(host)
    return host


def address_guard(resolver: Resolver = system_resolver, purpose: Purpose = Purpose.REGISTRY) -> AddressGuard:
    """Return the guard of the settings: the networks that the operator opened for this purpose are allowed, the
    portal's own hosts are not."""
    own = {urlsplit(url).hostname or "" for url in (settings.PORTAL_PUBLIC_URL, settings.PORTAL_LAYERS_URL)}
    return AddressGuard(opened_networks(purpose), own_hosts=own - _LOOPBACK, resolver=resolver)


def check_host(host: str) -> None:
    """Raise ReferenceInvalid if the worker would always refuse to connect to this canonical host of a registry."""
    parts = urlsplit(f"//{api_host(host)}")
    if not may_connect(parts.hostname or "", 443 if parts.port is None else parts.port):
        raise ReferenceInvalid(
            "host_not_allowed",
            "The portal may not connect to this host or port. Use the registry's public host name, with port 443 "
            "or one above 1023; an operator can open a private network.",
        )


def may_connect(hostname: str, port: int, *, purpose: Purpose = Purpose.REGISTRY, plain: bool = False) -> bool:
    """Return whether the worker might connect to this host and port, unencrypted where `plain`. A name is not looked
    up: whether its addresses are allowed is seen on connecting."""
    networks = opened_networks(purpose)

    def as_if_resolved(host: str, port: int) -> list[tuple[str, int]]:
        try:
            return [(str(ip_address(host)), port)]
        except ValueError:
            pass
        for entry in networks if plain or is_local_name(host) else ():  # only an opened network makes sense of it
            address = entry.network.network_address
            if entry.opens(address, port) and (entry.allows_plain(address) or not plain):
                return [(str(address), port)]
        return [(_SOME_PUBLIC_ADDRESS, port)]

    try:
        address_guard(as_if_resolved, purpose).addresses(hostname, port, plain=plain)
    except HostNotAllowed:
        return False
    return True
