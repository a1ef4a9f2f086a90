"""What of this portal is reachable in the clear, as sentences for the operator. None where nothing is."""

from __future__ import annotations

from portal.config.env import Environment


def exposure(environment: Environment, *, listens_everywhere: bool = False) -> list[str]:
    """Return a sentence for each weakness of where and how the portal is reached. `listens_everywhere`: the web process
    takes connections without TLS on all addresses of this machine."""
    port = environment.port
    found = []
    if not environment.https and not environment.is_local:
        found.append(
            f"{environment.public_url} is not encrypted: passwords, credentials and tokens can be read on the way. "
            "Put a proxy with TLS in front, and set PORTAL_PUBLIC_URL to its https address."
        )
    if environment.https and listens_everywhere:
        found.append(
            f"Port {port} takes connections without TLS on every address of this machine. "
            "Let a firewall admit only your proxy."
        )
    if environment.https and not environment.is_local and not environment.trusted_proxies:
        found.append(
            "PORTAL_TRUSTED_PROXIES is not set: all clients have the address of your proxy. Limits of sign-ins and "
            "calls count them together, and activity and ledger show that address."
        )
    if isinstance(environment.trusted_proxies, list) and any(not net.prefixlen for net in environment.trusted_proxies):
        found.append(
            "PORTAL_TRUSTED_PROXIES names every address: anybody who reaches this port can say who they are. "
            "Name your proxies."
        )
    return found
