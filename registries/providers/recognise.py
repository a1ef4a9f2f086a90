"""Guesses the kind of a registry from its host. Members may choose another kind: registries have custom domains."""

from __future__ import annotations

import hashlib

from registries.providers import PROVIDERS
from registries.providers.base import Provider
from registries.providers.self_hosted import SELF_HOSTED


def recognise(registry_host: str) -> Provider:
    """Return the provider of `host[:port]`, or self-hosted if no other recognises the name.

    Whole labels are compared, so `x.azurecr.io.example.net` and `evilazurecr.io` are not Azure's. A host with a port
    other than 443 is self-hosted.
    """
    if not registry_host.isascii():  # some letters of other scripts become ASCII in lower case
        return SELF_HOSTED
    host = registry_host.lower().removesuffix(":443").removesuffix(".")
    return next((provider for provider in PROVIDERS.values() if provider.recognises(host)), SELF_HOSTED)


def service_key(registry_host: str) -> str:
    """Return which registry a `host[:port]` belongs to, for counting failures without names: the kind of a service that
    many customers share, whichever host of it they use; otherwise a digest of the host, 32 hexadecimal digits."""
    provider = recognise(registry_host)
    if provider is not SELF_HOSTED:
        return provider.kind
    host = registry_host.lower().removesuffix(":443").removesuffix(".")
    return hashlib.sha256(host.encode()).hexdigest()[:32]
