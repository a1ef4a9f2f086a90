"""Guesses the kind of a registry from its host. Members may choose another kind: registries have custom domains."""

from __future__ import annotations

import hashlib

from registries.oci.reference import Reference
from registries.providers import PROVIDERS
from registries.providers.base import Provider, Section
from registries.providers.self_hosted import SELF_HOSTED


def recognise(registry_host: str, repository: str | None = None) -> Provider:
    """Return the provider of `host[:port]`, or Other registry if no kind recognises the name.

    Whole labels are compared, so `x.azurecr.io.example.net` and `evilazurecr.io` are not Azure's. A host with a port
    other than 443 belongs to no service. A host that no kind knows may still be named after the software that it runs.
    Kinds that share their host with another one are recognised by `repository` only.
    """
    host = _plain(registry_host)
    return _known(host, repository) or next((kind for kind in PROVIDERS.values() if kind.resembles(host)), SELF_HOSTED)


def recognise_image(image: Reference) -> Provider:
    """Return the provider of an image."""
    return recognise(image.registry, image.repository)


def recognise_for_credential(registry_host: str) -> Provider:
    """Return the provider whose fields a credential for `host[:port]` has: Other registry for hosts that are known to
    be public only."""
    known = recognise(registry_host)
    return known if known.fields else SELF_HOSTED


def service_key(registry_host: str) -> str:
    """Return which registry a `host[:port]` belongs to, for counting failures without names: the kind of a service that
    many customers share, whichever host of it they use; otherwise a digest of the host, 32 hexadecimal digits."""
    host = _plain(registry_host)
    known = _known(host)
    if known is not None and known.section is not Section.OWN:
        return known.kind
    return hashlib.sha256((host or registry_host).encode()).hexdigest()[:32]


def _plain(registry_host: str) -> str:
    """Return a host in the form that kinds compare, "" for one that is not ASCII: some letters of other scripts become
    ASCII in lower case."""
    return registry_host.lower().removesuffix(":443").removesuffix(".") if registry_host.isascii() else ""


def _known(host: str, repository: str | None = None) -> Provider | None:
    """Return the kind that knows the host by its whole name."""
    kinds = PROVIDERS.values()
    shared = (kind for kind in kinds if kind.repositories and kind.recognises(host, repository))
    return next(shared, None) or next((kind for kind in kinds if kind.recognises(host)), None)
