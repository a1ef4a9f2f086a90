"""Platforms: how they are written, and which runs on which."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from registries.failures import PlatformMissing

_WORD = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")

_MAX_NAMED = 6

# An architecture without variant is the same as one with its base variant.
_BASE_VARIANTS = {("arm64", "v8"), ("amd64", "v1"), ("arm", "v7")}


@dataclass(frozen=True)
class Platform:
    """Such as `linux/amd64` or `linux/arm/v6`, in Go's names."""

    os: str
    architecture: str
    variant: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `os/architecture[/variant]`. Raises `ValueError`."""
        parts = text.split("/")
        if len(parts) not in {2, 3} or not all(_WORD.fullmatch(part) for part in parts):
            raise ValueError("a platform is written os/architecture, such as linux/amd64")
        return cls(*parts)

    @classmethod
    def of_entry(cls, item: object) -> Self | None:
        """Read the platform of an index entry or a config; None where it is missing or invalid."""
        if not isinstance(item, dict):
            return None
        words = [item.get("os"), item.get("architecture")]
        known = [word for word in words if isinstance(word, str) and _WORD.fullmatch(word)]
        if len(known) != 2:
            return None
        variant = item.get("variant") or None
        if variant is not None and not (isinstance(variant, str) and _WORD.fullmatch(variant)):
            return None
        return cls(known[0], known[1], variant)

    def runs(self, offered: Platform) -> bool:
        """Whether a node of this platform can run an image for `offered`."""
        ours, theirs = (
            (one.os, one.architecture, None if (one.architecture, one.variant) in _BASE_VARIANTS else one.variant)
            for one in (self, offered)
        )
        return ours == theirs

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))


def missing(wanted: Platform, offered: Iterable[Platform | None]) -> PlatformMissing:
    """Return the failure that names what is offered instead."""
    names = [str(platform) for platform in dict.fromkeys(offered) if platform is not None and platform.os != "unknown"]
    shown = ", ".join(names[:_MAX_NAMED]) + (" and others" if len(names) > _MAX_NAMED else "")
    return PlatformMissing(platform=str(wanted), offered=shown or "no platform that it names")
