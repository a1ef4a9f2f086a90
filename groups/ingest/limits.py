"""How large an image may be: checked against what its manifest declares, before any layer is requested."""

from __future__ import annotations

from django.conf import settings

from groups.failures import ImageTooLarge
from groups.models import Image, ImageCheck
from groups.rules.quotas import quota_of
from registries.failures import PullFailed, UnsupportedManifest
from registries.foundation.units import format_sizes_apart
from registries.oci.manifest import Manifest

MAX_LAYERS = 500
"""An overlay file system takes this many lower directories."""


def max_image_bytes(image: Image | ImageCheck) -> int:
    """Return how many compressed bytes an image of this organization may have: its own limit, else the portal's."""
    own = quota_of(image.organization).max_image_bytes
    return own if own is not None else int(settings.PORTAL_MAX_IMAGE_BYTES)


def fits(manifest: Manifest, max_bytes: int) -> bool:
    """Return whether `enforce` lets the image pass."""
    try:
        enforce(manifest, max_bytes)
    except PullFailed:
        return False
    return True


def enforce(manifest: Manifest, max_bytes: int) -> None:
    """Raise ImageTooLarge or UnsupportedManifest where the image may not be pulled."""
    if len(manifest.layers) > MAX_LAYERS:
        raise UnsupportedManifest(
            case="too_many_layers",
            reason=f"it has {len(manifest.layers)} layers, of which nodes can stack {MAX_LAYERS}",
            raw="layers",
        )
    enforce_bytes(manifest.declared_bytes, max_bytes)


def enforce_bytes(count: int, max_bytes: int) -> None:
    """Raise ImageTooLarge where `count` compressed bytes, declared or received, are more than `max_bytes`."""
    if count > max_bytes:
        size, limit = format_sizes_apart(count, max_bytes)
        raise ImageTooLarge(size=size, limit=limit)
