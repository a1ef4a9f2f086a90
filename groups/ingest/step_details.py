"""What a pull and a check do alike: open a client, see whether credentials are needed at all, say what was found."""

from __future__ import annotations

import traceback
import uuid
from typing import Any

import structlog

from registries.failures import printable
from registries.foundation.units import format_size, format_sizes_apart
from registries.oci.auth import Login
from registries.oci.manifest import Index, Manifest

log = structlog.get_logger(__name__)


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
