"""Hosts of the portal's own addresses."""

from __future__ import annotations

from urllib.parse import urlsplit

LOCAL = ("localhost", "127.0.0.1", "::1")


def answered_hosts(*urls: str) -> list[str]:
    """Return the hosts of these addresses alone; all names of loopback if one of them is."""
    hosts = {urlsplit(url).hostname or "localhost" for url in urls}
    if hosts & set(LOCAL):
        hosts |= set(LOCAL)
    return sorted(bracketed(host) for host in hosts)


def bracketed(host: str) -> str:
    """Return the host as an address has it: IPv6 literals in brackets."""
    return f"[{host}]" if ":" in host else host
