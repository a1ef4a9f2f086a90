"""An order to fetch one image into one folder, and the errors of a puller.

The folder has the layout of skopeo's `dir:`

    version          "Directory Transport Version: 1.1"
    manifest.json    the manifest, with plain layers
    <hex>            config and layers, each named by its SHA-256
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

_IMAGE = re.compile(r"([A-Za-z0-9.:\[\]-]+)/([a-z0-9]+(?:[._/-]+[a-z0-9]+)*)@(sha256:[0-9a-f]{64})")


class PullFailed(Exception):
    """The image can't be fetched, or fails verification. The text contains no secret."""


class Cancelled(Exception):
    """The image is no longer needed."""


@dataclass(frozen=True)
class Order:
    """Fetch `image` with the one-time `token`. `progress` takes a percentage and a line of text; `size` is the image's
    total in bytes, 0 if unknown."""

    image: str
    node_id: str
    token: str = field(repr=False)
    secure: bool
    key_file: Path
    progress: Callable[[int, str], None]
    size: int = 0
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def parts(self) -> tuple[str, str, str]:
        """Host, repository and digest. Raises PullFailed."""
        found = _IMAGE.fullmatch(self.image)
        if found is None:
            raise PullFailed("the image's name can't be read")
        return found[1], found[2], found[3]

    def check(self) -> None:
        """Raise Cancelled if the image is no longer needed."""
        if self.cancelled.is_set():
            raise Cancelled


class Puller(Protocol):
    """Fetches, verifies and decrypts an image."""

    def pull(self, order: Order, folder: Path) -> None:
        """Fill the empty `folder`. Raises PullFailed, Cancelled."""
