"""`manage.py rotate_issuer_keys`."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from registries.secrets import issuer_keys, issuer_rotation


@pytest.fixture(autouse=True)
def _folder(settings: Settings, tmp_path: Path) -> None:
    """Keys of this test's own."""
    settings.PORTAL_KEY_DIR = tmp_path
    for zone in ("web", "worker"):
        (tmp_path / zone).mkdir()
    issuer_rotation.ensure_key()


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("rotate_issuer_keys", *arguments, stdout=out)
    return out.getvalue()


def test_the_next_key_is_announced() -> None:
    assert "Key 2 is public. It signs in 25 hours" in run()
    assert "public already. It signs in 25 hours" in run()
    assert issuer_keys.current_number() == 1


def test_a_stolen_key_is_replaced_and_the_risk_is_named() -> None:
    said = run("--now")

    assert "Key 2 signs from now on" in said
    assert "stolen key" in said
    assert [*issuer_keys.published()] == [2]


@pytest.mark.parametrize("arguments", [(), ("--now",)])
def test_the_web_zone_is_told_where_to_run_it(settings: Settings, arguments: tuple[str, ...]) -> None:
    settings.PORTAL_ZONE = "web"

    with pytest.raises(CommandError, match="PORTAL_ZONE=worker"):
        run(*arguments)
    assert [*issuer_keys.published()] == [1]
