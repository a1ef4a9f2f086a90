"""How large an image may be, judged by what its manifest declares, before any layer is asked for."""

from __future__ import annotations

from django.conf import settings

from groups.failures import ImageTooLarge
from groups.models import Image, ImageCheck
from registries.failures import PullFailed, UnsupportedManifest
from registries.oci.manifest import Manifest

MOST_LAYERS = 500
"""An overlay file system takes so many lower directories."""

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def cap_of(image: Image | ImageCheck) -> int:
    """How many compressed bytes an image of this organization may have: its own limit, else the portal's."""
    own = image.organization.max_image_bytes
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
    if len(manifest.layers) > MOST_LAYERS:
        raise UnsupportedManifest(
            reason=f"it has {len(manifest.layers)} layers, of which nodes can stack {MOST_LAYERS}", raw="layers"
        )
    judge_bytes(manifest.declared_bytes, cap)


def judge_bytes(count: int, cap: int) -> None:
    """Raise ImageTooLarge where so many compressed bytes, declared or received, are too many."""
    if count > cap:
        size, most = human_pair(count, cap)
        raise ImageTooLarge(size=size, limit=most)


def human(count: int, digits: int = 1) -> str:
    """Return bytes as people write them, such as `12.3 GB`; units are powers of 1,000."""
    value, unit = float(count), 0
    while round(value, digits) >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    if unit == 0:
        return f"{count} byte" if count == 1 else f"{count} bytes"
    places = digits if value < 100 or digits > 1 else 0
    text = f"{value:.{places}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {_UNITS[unit]}"


def human_pair(one: int, other: int) -> tuple[str, str]:
    """Return two different sizes with as many digits as it takes to tell them apart."""
    for digits in range(1, 16):
        if human(one, digits) != human(other, digits):
            return human(one, digits), human(other, digits)
    return human(one), human(other)
