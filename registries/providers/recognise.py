"""Tells the kind of a registry by its host. A guess that a member may override: registries have custom domains."""

from __future__ import annotations

from registries.providers import PROVIDERS
from registries.providers.base import Provider
from registries.providers.self_hosted import SELF_HOSTED


def recognise(registry_host: str) -> Provider:
    """Return the provider of `host[:port]`, self-hosted if no other is known by that name.

    Whole labels count, so `x.azurecr.io.example.net` and `evilazurecr.io` are not Azure's; nor is any host with a
    port of its own.
    """
    if not registry_host.isascii():  # some letters of other scripts become ASCII in lower case
        return SELF_HOSTED
    host = registry_host.lower().removesuffix(":443").removesuffix(".")
    return next((each for each in PROVIDERS.values() if each.recognises(host)), SELF_HOSTED)
