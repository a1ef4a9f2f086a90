"""Exchanges a token of the portal for a login of a registry, in the way of each cloud. Worker zone only.

The services that are asked are constants by cloud and region, or the registry itself. They are asked over the
connections that images take, so the operator's rules for addresses and `PORTAL_REGISTRY_CA_FILE` apply; no redirect is
followed, and no answer is repeated.
"""

from __future__ import annotations

from registries.federation.exchanges.aws import sign_in as _aws
from registries.federation.exchanges.azure import sign_in as _azure
from registries.federation.exchanges.exchange import Exchange, Way
from registries.federation.exchanges.google import sign_in as _google
from registries.federation.exchanges.quay import sign_in as _quay
from registries.oci.login import Login
from registries.providers.base import Connect

__all__ = ["Exchange", "sign_in"]

_WAYS: dict[str, Way] = {"ecr": _aws, "google": _google, "acr": _azure, "quay": _quay}


def sign_in(exchange: Exchange, token: str, connect: Connect) -> Login:
    """Return the login for the registry, which lives for about the time of a pull.

    Raises `TrustRefused` where the cloud doesn't accept the token, `AccessDenied` where it does and gives no login for
    the registry, `RateLimited`, `RegistryUnreachable` and the failures of the connection, and `Unexpected`.
    """
    return _WAYS[exchange.kind](exchange, token, connect)
