"""Docker Hub's headers with the number of pulls left. They are absent where pulls are not counted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from registries.failures import printable

_AMOUNT = re.compile(r"([0-9]{1,9})(?:\s*;\s*w=([0-9]{1,9}))?", re.ASCII)


@dataclass(frozen=True)
class PullLimits:
    """`remaining` of `limit` pulls are left within `window` seconds (0: unknown). `source` is what the registry
    counts them for, an IP address or an account's id; empty where it does not say."""

    limit: int
    remaining: int
    window: int
    source: str = ""


def read_limits(headers: Mapping[str, str]) -> PullLimits | None:
    """Read the headers of a manifest's response; None where they are absent or can't be read."""
    limit = _AMOUNT.fullmatch(headers.get("ratelimit-limit", "").strip())
    remaining = _AMOUNT.fullmatch(headers.get("ratelimit-remaining", "").strip())
    if limit is None or remaining is None:
        return None
    source = printable(headers.get("docker-ratelimit-source", ""), 64)
    return PullLimits(int(limit[1]), int(remaining[1]), int(limit[2] or remaining[2] or 0), source)
