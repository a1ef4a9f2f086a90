"""How large an image may be, judged by what its manifest declares, before any layer is asked for."""

from __future__ import annotations

from django.conf import settings

from groups.failures import ImageTooLarge
from groups.models import Image, ImageCheck
from groups.rules.quotas import quota_of
from registries.failures import PullFailed, UnsupportedManifest
from registries.foundation.units import format_sizes_apart
from registries.oci.manifest import Manifest

MAX_LAYERS = 500
"""An overlay file system takes so many lower directories."""


def cap_of(image: Image | ImageCheck) -> int:
    """How many compressed bytes an image of this organization may have: its own limit, else the portal's."""
    own = quota_of(image.organization).max_image_bytes
    return own if own is not None else int(settings.PORTAL_MAX_IMAGE_BYTES)


def fits(manifest: Manifest, cap: int) -> bool:
    """Tell whether `judge` would let the image pass."""
    try:
        judge(manifest, cap)
    except PullFailed:
        return False
    return True


def judge(manifest: Manifest, cap: int) -> None:
    """Raise ImageTooLarge or UnsupportedManifest where the image may not be pulled; `cap` is in bytes."""
    if len(manifest.layers) > MAX_LAYERS:
        raise UnsupportedManifest(
            reason=f"it has {len(manifest.layers)} layers, of which nodes can stack {MAX_LAYERS}", raw="layers"
        )
    judge_bytes(manifest.declared_bytes, cap)


def judge_bytes(count: int, cap: int) -> None:
    """Raise ImageTooLarge where so many compressed bytes, declared or received, are too many."""
    if count > cap:
        size, most = format_sizes_apart(count, cap)
        raise ImageTooLarge(size=size, limit=most)
