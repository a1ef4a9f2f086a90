"""What to set up at the other side of a trust, filled in: for the console, the cloud's command and Terraform.

Pure functions of what the trust says. Each policy names the subject.
"""

from __future__ import annotations

from collections.abc import Callable

from registries.trusts.setup.aws import ways as _aws
from registries.trusts.setup.azure import ways as _azure
from registries.trusts.setup.google import ways as _google
from registries.trusts.setup.other_side import OtherSide, Step, Way
from registries.trusts.setup.quay import ways as _quay

__all__ = ["OtherSide", "Step", "Way", "ways_of"]

_WAYS: dict[str, Callable[[OtherSide], tuple[Way, ...]]] = {
    "ecr": _aws, "google": _google, "acr": _azure, "quay": _quay,
}  # fmt: skip


def ways_of(kind: str, side: OtherSide) -> tuple[Way, ...]:
    """Return the ways to set up the other side of a trust of this kind, the shortest first."""
    return _WAYS[kind](side)
