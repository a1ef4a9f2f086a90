"""Guesses the kind of a registry from its host. Members may choose another kind: registries have custom domains."""

from __future__ import annotations

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
