"""The critical modules: a wrong line in them gives somebody access, loses a layer, or leaks a secret."""

from __future__ import annotations

from pathlib import Path

from tests.support.product_modules import CHECKOUT

CRITICAL = (
    "groups/delivery",
    "groups/ingest",
    "groups/nodes",
    "groups/queues",
    "groups/rules",
    "groups/storage",
    "groups/worker.py",
    "portal/notifications/sending.py",
    "portal/organizations",
    "portal/support/consent.py",
    "registries/oci",
    "registries/secrets",
)
"""Folders and files below the checkout."""


def critical_modules() -> list[Path]:
    """The files of all critical modules that hold code, below the checkout, sorted."""
    found: set[Path] = set()
    for name in CRITICAL:
        path = CHECKOUT / name
        found.update(path.rglob("*.py") if path.is_dir() else [path])
    return sorted(path.relative_to(CHECKOUT) for path in found if path.name != "__init__.py")
