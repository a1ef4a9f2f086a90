"""Remembers which hosts have spoken TLS: from then on nothing is sent to them unencrypted."""

from __future__ import annotations

from typing import Protocol


class TlsHosts(Protocol):
    """Where `host[:port]` is remembered, in the form of `Location.authority`."""

    def note(self, authority: str) -> None:
        """Remember that the host proved its identity over TLS."""
        ...

    def includes(self, authority: str) -> bool:
        """Whether it ever has."""
        ...


class TlsHostsOfClient:
    """Remembers for as long as one client is used."""

    def __init__(self) -> None:
        self._hosts: set[str] = set()

    def note(self, authority: str) -> None:
        """See `TlsHosts`."""
        self._hosts.add(authority)

    def includes(self, authority: str) -> bool:
        """See `TlsHosts`."""
        return authority in self._hosts
