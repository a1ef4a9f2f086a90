"""The same image, group and nodes as the delivery tests have."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pytest_django import Settings

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


@pytest.fixture
def folder(settings: Settings, tmp_path: Path, db: None) -> Path:
    """The keys of the tests, in a folder of this test's own, where what has ended is noted."""
    settings.PORTAL_KEY_DIR = shutil.copytree(settings.PORTAL_KEY_DIR, tmp_path / "keys")
    return tmp_path / "keys"
