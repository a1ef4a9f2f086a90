"""Platforms: how they are written, and which runs on which.

Names are normalised in one function, in the way of containerd (`platforms.Normalize`), which the nodes run. So are the
levels of a processor: a node of `linux/amd64/v3` runs what is built for v3, v2 and amd64 without a variant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from registries.failures import PlatformMissing

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_MAX_NAMED = 6
_DEFAULT_OS = "linux"

_OS_NAMES = {"macos": "darwin"}
_ARCHITECTURE_NAMES: dict[str, tuple[str, str | None]] = {
    "i386": ("386", None),
    "x86_64": ("amd64", None),
    "x86-64": ("amd64", None),
    "aarch64": ("arm64", None),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
}
"""Other name → Go's name, and the variant that it implies."""
_VARIANT_NAMES: dict[str, dict[str | None, str | None]] = {
    "amd64": {"v1": None},
    "arm": {None: "v7", "5": "v5", "6": "v6", "7": "v7", "8": "v8"},
    "arm64": {"8": None, "v8": None, "v8.0": None, "9": "v9", "9.0": "v9", "v9.0": "v9"},
}
"""An architecture without a variant is the same as one with its base variant."""

# The variants of an architecture whose processors run what is built for the ones before them.
_LEVELS: dict[str, dict[str | None, int]] = {
    "amd64": {None: 1, "v2": 2, "v3": 3, "v4": 4},
    "arm": {"v5": 5, "v6": 6, "v7": 7, "v8": 8},
    # ARMv9.n has everything of ARMv8.(n + 5).
    "arm64": {None: 0, **{f"v8.{n}": n for n in range(1, 10)}, "v9": 5, **{f"v9.{n}": n + 5 for n in range(1, 10)}},
}


@dataclass(frozen=True)
class Platform:
    """Such as `linux/amd64` or `linux/arm/v6`, in Go's names. Make it of text with `parse`, of JSON with `of_entry`."""

    os: str
    architecture: str
    variant: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `os/architecture[/variant]`. Raises `ValueError`."""
        parts = text.split("/")
        if len(parts) not in {2, 3} or not all(_WORD.fullmatch(part) for part in parts):
            raise ValueError("a platform is written os/architecture, such as linux/amd64")
        return cls(*normalise(*parts))

    @classmethod
    def of_entry(cls, item: object) -> Self | None:
        """Read the platform of an index entry or a config; None where it names no architecture, or is invalid. Without
        an operating system it is Linux."""
        if not isinstance(item, dict):
            return None
        words = (item.get("os") or _DEFAULT_OS, item.get("architecture"), item.get("variant") or "")
        named = [word for word in words if isinstance(word, str) and (not word or _WORD.fullmatch(word))]
        if len(named) != len(words) or not named[1]:
            return None
        return cls(*normalise(*named))

    def runs(self, offered: Platform) -> bool:
        """Whether a node of this platform can run an image for `offered`: the same one, or a lower level of it."""
        return self == offered or self._distance(offered) is not None

    def may_run(self, offered: Platform) -> bool:
        """Whether a node of this platform may try an image that there is for `offered` alone.

        Clients don't compare the variant then. It is a hint of who built the image, except for arm, where a lower one
        lacks instructions that each program uses.
        """
        if (self.os, self.architecture) != (offered.os, offered.architecture):
            return False
        return self.architecture != "arm" or self.runs(offered)

    def choose(self, offered: Iterable[Platform | None]) -> int | None:
        """Return the position of the platform whose image a node of this one should run: the highest level that it
        can, and the first of several. None if it can run none."""
        found: dict[int, int] = {}
        for position, platform in enumerate(offered):
            if platform is not None and (distance := self._distance(platform)) is not None:
                found.setdefault(distance, position)
        return found[min(found)] if found else None

    @property
    def machine(self) -> str:
        """Without the variant, such as `linux/arm64`."""
        return f"{self.os}/{self.architecture}"

    def is_like(self, other: Platform) -> bool:
        """Whether both have the same operating system and architecture, whatever the variant."""
        return self.machine == other.machine

    def levels(self) -> tuple[Platform, ...]:
        """This platform, and every other level of its architecture."""
        others = (Platform(self.os, self.architecture, variant) for variant in _LEVELS.get(self.architecture, ()))
        return (self, *(other for other in others if other != self))

    def _distance(self, offered: Platform) -> int | None:
        """Return how many levels `offered` is below; None if it can't run here."""
        if self == offered:
            return 0
        levels = _LEVELS.get(self.architecture, {})
        if (self.os, self.architecture) != (offered.os, offered.architecture):
            return None
        if self.variant not in levels or offered.variant not in levels:
            return None
        distance = levels[self.variant] - levels[offered.variant]
        return distance if distance >= 0 else None

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))


def normalise(os: str, architecture: str, variant: str = "") -> tuple[str, str, str | None]:
    """Return operating system, architecture and variant in Go's names, in lower case and without a base variant: of
    `Linux`, `aarch64` and `v8` it is `linux`, `arm64` and None. Names that it doesn't know stay as they are."""
    os, architecture = os.lower(), architecture.lower()
    named: str | None = variant.lower() or None
    if architecture in _ARCHITECTURE_NAMES:
        architecture, implied = _ARCHITECTURE_NAMES[architecture]
        named = implied or named
    if architecture == "386":
        named = None
    return _OS_NAMES.get(os, os), architecture, _VARIANT_NAMES.get(architecture, {}).get(named, named)


def missing(wanted: Platform, offered: Iterable[Platform | None]) -> PlatformMissing:
    """Return the failure that names what is offered instead."""
    names = [str(platform) for platform in dict.fromkeys(offered) if platform is not None and platform.os != "unknown"]
    shown = ", ".join(names[:_MAX_NAMED]) + (" and others" if len(names) > _MAX_NAMED else "")
    return PlatformMissing(platform=str(wanted), offered=shown or "no platform that it names")
