"""What a pull and a check do alike: open a client, see whether credentials are needed at all, say what was found."""

from __future__ import annotations

import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from django.conf import settings

from groups.ingest.registry_access import note_host, own_authorities, token_hosts
from groups.models import Image, ImageCheck
from registries.failures import ABOUT_CREDENTIALS, PullFailed, printable
from registries.foundation.units import format_size, format_sizes_apart
from registries.hosts import address_guard
from registries.oci.auth import Login
from registries.oci.client import RegistryClient
from registries.oci.manifest import Index, Manifest
from registries.oci.transport import Patience

log = structlog.get_logger(__name__)


def open_client(image: Image | ImageCheck, login: Login | None, patience: Patience | None = None) -> RegistryClient:
    """Return a client for the image's registry, within the operator's rules."""
    return RegistryClient(
        image.registry,
        login=login,
        guard=address_guard(),
        ca_file=settings.PORTAL_REGISTRY_CA_FILE,
        ca=own_authorities(image),
        token_hosts=token_hosts(image),
        patience=patience,
        on_show=note_host(image),
    )


@contextmanager
def told_if_public(image: Image | ImageCheck, patience: Patience | None = None) -> Iterator[None]:
    """Where credentials fail in it, try once without them; a failure's parameter `public` says that this works."""
    try:
        yield
    except ABOUT_CREDENTIALS as failure:
        if image.provider and _is_public(image, patience):
            failure.params["public"] = True
        raise


def _is_public(image: Image | ImageCheck, patience: Patience | None) -> bool:
    try:
        with open_client(image, None, patience) as stranger:
            stranger.authenticate(image.repository)
            stranger.fetch_manifest(image.repository, image.version)
    except PullFailed:
        return False
    return True


def signed_in(login: Login | None) -> str:
    return f"Signed in as {printable(login.username, 40)}" if login else "Without credentials"


def named(document: Manifest | Index) -> str:
    kind = "Index" if isinstance(document, Index) else "Manifest"
    return f"{kind} {document.digest[:19]}…"


def among(document: Manifest | Index) -> str:
    if isinstance(document, Manifest):
        return ""
    count = sum(not entry.is_attestation for entry in document.entries)
    return f", of {count} platforms" if count > 1 else ""


def amount(manifest: Manifest) -> str:
    return f"{format_size(manifest.declared_bytes)} in {_layers(manifest)}"


def amount_of_limit(manifest: Manifest, cap: int) -> str:
    size, limit = format_sizes_apart(manifest.declared_bytes, cap)
    return f"{size} in {_layers(manifest)}, of at most {limit}"


def _layers(manifest: Manifest) -> str:
    count = len(manifest.layers)
    return f"{count} {'layer' if count == 1 else 'layers'}"


def log_unforeseen(event: str, error: Exception, **about: Any) -> str:
    """Log what nobody foresaw, without its words, which may hold anything; return the id that finds it again."""
    correlation = uuid.uuid4().hex[:12]
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    log.error(event, correlation=correlation, error=type(error).__name__, frames=frames[-8:], **about)
    return correlation
