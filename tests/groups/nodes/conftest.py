"""The same image, group and nodes as the delivery tests have."""

from __future__ import annotations

from tests.groups.delivery.conftest import (
    _no_calls_before,
    bearer,
    given,
    group,
    image,
    layers,
    manifest,
    node,
    other_node,
    source,
)

__all__ = [
    "_no_calls_before",
    "bearer",
    "given",
    "group",
    "image",
    "layers",
    "manifest",
    "node",
    "other_node",
    "source",
]
