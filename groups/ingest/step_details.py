"""What the steps of a pull and of a check say once they are done."""

from __future__ import annotations

from registries.failures import printable
from registries.foundation.units import format_size, format_sizes_apart
from registries.oci.login import Login
from registries.oci.manifest import Index, Manifest
from registries.oci.platform import Platform


def signed_in(login: Login | None, *, by_trust: bool = False) -> str:
    """Who signed in, if anyone. The user name of a login that a trust gave says nothing."""
    if by_trust:
        return "Signed in by a trust, with nothing secret"
    return f"Signed in as {printable(login.username, 40)}" if login else "Without credentials"


def document_digest(document: Manifest | Index) -> str:
    """Whether it is an index or a manifest, with the start of its digest."""
    kind = "Index" if isinstance(document, Index) else "Manifest"
    return f"{kind} {document.digest[:19]}…"


def platform(chosen: Platform | None, document: Manifest | Index, reason: str) -> str:
    """The chosen platform, of how many, and why it was that one. None is for one that only the config would say."""
    words = f"{chosen or 'Its config says which'}{of_platforms(document)}"
    return f"{words}: {reason}" if reason else words


def of_platforms(document: Manifest | Index) -> str:
    """How many platforms there were to choose from; nothing where there was no choice."""
    if isinstance(document, Manifest):
        return ""
    count = sum(not entry.is_attestation for entry in document.entries)
    return f", of {count} platforms" if count > 1 else ""


def size(manifest: Manifest) -> str:
    """The image's declared size and number of layers."""
    return f"{format_size(manifest.declared_bytes)} in {_layers(manifest)}"


def size_of_limit(manifest: Manifest, max_bytes: int) -> str:
    """The image's declared size and number of layers beside the limit."""
    declared, limit = format_sizes_apart(manifest.declared_bytes, max_bytes)
    return f"{declared} in {_layers(manifest)}, of at most {limit}"


def _layers(manifest: Manifest) -> str:
    count = len(manifest.layers)
    return f"{count} {'layer' if count == 1 else 'layers'}"
