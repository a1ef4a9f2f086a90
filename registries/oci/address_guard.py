"""Decides which addresses the worker may connect to, and connects to nothing else.

A name is looked up once per connection, each of its addresses is checked, and the socket is opened to one of the
checked addresses. A name that resolves differently a moment later changes nothing. TLS then checks the certificate
against the name.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address

from registries.failures import HostNotAllowed, HostUnknown, PullFailed, ResolverFailed, Service, Where
from registries.oci.deadline_sockets import DeadlineSocket
from registries.oci.opened_networks import OTHER_SERVICES, Address, Network, OpenedNetwork, opened
from registries.oci.reference import is_ambiguous_ipv4

Resolver = Callable[[str, int], Iterable[tuple[str, int]]]
"""Turns host and port into the addresses (IP text, port) to connect to; raises OSError for an unknown name."""

MAX_ATTEMPTS = 4

ADDRESS_FAILURES = (HostNotAllowed, HostUnknown, ResolverFailed)
"""What the guard raises about a host: its address may not be used, its name is not known, or nobody could say."""

_UNKNOWN_NAME = frozenset(
    getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY") if hasattr(socket, name)
)
"""getaddrinfo's errors for a name that does not exist or has no address. Any other one, such as EAI_AGAIN, which also
stands for SERVFAIL and for time-outs, says only that the resolver did not answer."""

# Ranges that `is_global` does not exclude on every supported Python: cloud metadata, transition and special ranges.
_REFUSED_V4 = [
    IPv4Network("0.0.0.0/8"),
    IPv4Network("10.0.0.0/8"),
    IPv4Network("100.64.0.0/10"),
    IPv4Network("127.0.0.0/8"),
    IPv4Network("168.63.129.16/32"),
    IPv4Network("169.254.0.0/16"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.0.2.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv4Network("192.168.0.0/16"),
    IPv4Network("198.18.0.0/15"),
    IPv4Network("198.51.100.0/24"),
    IPv4Network("203.0.113.0/24"),
    IPv4Network("224.0.0.0/4"),
    IPv4Network("240.0.0.0/4"),
]
# Only global unicast can be public. Mapped, NAT64, unique local and link-local addresses are outside of it.
_GLOBAL_V6 = IPv6Network("2000::/3")
_REFUSED_V6 = [
    IPv6Network("2001::/23"),
    IPv6Network("2001:db8::/32"),
    IPv6Network("2002::/16"),
    IPv6Network("3fff::/20"),
]

_LOCAL_SUFFIXES = ("localhost", "local", "internal", "home.arpa")


def system_resolver(host: str, port: int) -> list[tuple[str, int]]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(str(entry[4][0]), int(entry[4][1])) for entry in found]


class AddressGuard:
    """Allows public addresses over TLS, and those in `allow_networks` as an operator opened them.

    `own_hosts` are the portal's own names, which are never connected to. `resolver` is for tests.
    """

    def __init__(
        self,
        allow_networks: Sequence[Network | OpenedNetwork] = (),
        *,
        own_hosts: Collection[str] = (),
        resolver: Resolver = system_resolver,
    ) -> None:
        self._opened = opened(allow_networks)
        self._own_hosts = frozenset(host.lower() for host in own_hosts)
        self._resolver = resolver

    def addresses(self, host: str, port: int, *, plain: bool = False) -> list[tuple[Address, int]]:
        """Return the addresses of `host`, all of them allowed, with their ports. `plain` means plain HTTP.

        Raises `HostNotAllowed` if any is not allowed, `HostUnknown` if there is none, and `ResolverFailed` if the
        resolver gave no answer, which can be different a moment later.
        """
        host = host.removeprefix("[").removesuffix("]").lower().removesuffix(".")
        if host in self._own_hosts or is_ambiguous_ipv4(host) or not 0 < port < 65536:
            raise HostNotAllowed(host=host)
        found = self._look_up(host, port)
        may_be_public = not plain and not is_local_name(host) and _is_public_port(port)
        for address, actual_port in found:
            is_open = any(entry.allows_plain(address) or not plain for entry in self._entries(address, actual_port))
            if not (is_open or (may_be_public and _is_public(address))):
                raise _refusal(host, port, [one for one, _ in found])
        return found

    def allows_plain_http(self, host: str, port: int) -> bool:
        """Whether an operator opened the network of `host` for unencrypted HTTP."""
        try:
            self.addresses(host, port, plain=True)
        except ADDRESS_FAILURES:
            return False
        return True

    def is_plain_network(self, host: str, port: int) -> bool:
        """Whether every address of `host` is loopback or in a network that an operator opened as `plain`."""
        try:
            found = self.addresses(host, port, plain=True)
        except ADDRESS_FAILURES:
            return False
        return all(self.allows_plain_credentials(address, actual_port) for address, actual_port in found)

    def allows_plain_credentials(self, address: Address, port: int) -> bool:
        """Whether credentials may be sent unencrypted to this address, to which a socket is connected."""
        return any(entry.allows_plain_credentials(address) for entry in self._entries(address, port))

    def connect(self, host: str, port: int, timeout: float | None, *, plain: bool) -> DeadlineSocket:
        """Open a TCP connection to a checked address. Raises like `addresses`, or `OSError` as sockets do."""
        last_error: OSError | None = None
        for address, actual_port in self.addresses(host, port, plain=plain)[:MAX_ATTEMPTS]:
            family = socket.AF_INET if address.version == 4 else socket.AF_INET6
            connected = DeadlineSocket(family, socket.SOCK_STREAM)
            try:
                connected.settimeout(timeout)
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connected.connect((str(address), actual_port))
            except OSError as error:
                connected.close()
                last_error = error
                continue
            if ip_address(connected.getpeername()[0]) != address:
                connected.close()
                raise HostNotAllowed(host=host)
            return connected
        raise last_error or OSError("no address")

    def _look_up(self, host: str, port: int) -> list[tuple[Address, int]]:
        failure: PullFailed
        try:
            found = [(ip_address(text), actual) for text, actual in self._resolver(host, port)]
        except socket.gaierror as error:
            unknown = error.errno in _UNKNOWN_NAME
            failure = _unknown(host) if unknown else ResolverFailed(host=host, raw=f"resolver {error.errno}")
        except ValueError:  # labels that are too long raise UnicodeError
            failure = _unknown(host)
        except OSError as error:
            failure = ResolverFailed(host=host, raw=f"resolver {type(error).__name__}")
        else:
            if found:
                return list(dict.fromkeys(found))
            failure = _unknown(host)
        raise failure from None

    def _entries(self, address: Address, port: int) -> list[OpenedNetwork]:
        """The opened networks with this address and port."""
        return [entry for entry in self._opened if entry.opens(address, port)]


def named_failure(failure: PullFailed, where: Where) -> PullFailed:
    """Return an address failure with the parameters of the registry and of the service that was asked. Where the
    registry has sent us there, its words say so."""
    case = str(failure.params.get("case", ""))
    if not case and where["service"] != Service.REGISTRY and not isinstance(failure, ResolverFailed):
        case = "service"
    named = type(failure)(raw=failure.raw, **where)
    named.params |= {"case": case} if case else {}
    return named


def _refusal(host: str, port: int, found: Sequence[Address]) -> HostNotAllowed:
    """Return the failure of a host that may not be connected to, and what about it, where it has a public address."""
    failure = HostNotAllowed(host=host)
    if any(map(_is_public, found)) and not is_local_name(host):
        case = "mixed" if not all(map(_is_public, found)) else "" if _is_public_port(port) else "port"
        failure.params |= {"case": case} if case else {}
    return failure


def _unknown(host: str) -> PullFailed:
    """Return the failure of a name without an address. Whether a private network knows such a name is not told."""
    return HostUnknown(host=host) if "." in host and not is_local_name(host) else HostNotAllowed(host=host)


def _is_public(address: Address) -> bool:
    if not address.is_global or address.is_multicast:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_V4)
    inside = address in _GLOBAL_V6 and address.scope_id is None
    return inside and not any(address in network for network in _REFUSED_V6)


def _is_public_port(port: int) -> bool:
    return port == 443 or (port >= 1024 and port not in OTHER_SERVICES)


def is_local_name(host: str) -> bool:
    """Whether the name belongs to a local network and never to the internet. `host` is in lower case."""
    return any(host == suffix or host.endswith(f".{suffix}") for suffix in _LOCAL_SUFFIXES)
