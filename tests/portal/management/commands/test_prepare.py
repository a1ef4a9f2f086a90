"""A release is prepared where the keys of both zones are; `tests/interop/test_up.py` runs the command for real."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings


def test_the_web_zone_prepares_nothing(settings: Settings, tmp_path: Path) -> None:
    settings.PORTAL_ZONE, settings.PORTAL_KEY_DIR = "web", tmp_path / "keys"
    with pytest.raises(CommandError, match="PORTAL_ZONE=worker or without it"):
        call_command("prepare")
    assert not (tmp_path / "keys").exists()
