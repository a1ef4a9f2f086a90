"""The schedule of the issuers' keys, and replacing them by hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pytest_django import Settings

from registries.secrets import issuer_keys, issuer_rotation
from registries.secrets.keyring import KeyUnavailable, folder_time

HOUR, DAY = 3600, 86_400


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    """Key folders of this test's own, with the first key."""
    settings.PORTAL_KEY_DIR = tmp_path
    settings.PORTAL_ISSUER_KEY_DAYS = 30
    for zone in ("web", "worker"):
        (tmp_path / zone).mkdir()
    issuer_rotation.ensure_key()
    return tmp_path


def wait(folder: Path, seconds: float) -> None:
    """Let time pass for all keys."""
    for path in (folder / "web").glob("issuer-*.pub"):
        moment = path.stat().st_mtime - seconds
        os.utime(path, (moment, moment))


def published() -> list[int]:
    return sorted(issuer_keys.published())


def test_a_year_on_schedule_always_has_a_key_that_clouds_know(folder: Path) -> None:
    """Each key is public for a day before it signs, and no more than two are public at once."""
    signed_by = []
    for _ in range(2 * 35):
        issuer_rotation.keep_schedule()
        signed_by.append(issuer_keys.current_number())
        assert len(published()) <= 2
        age = folder_time() - issuer_keys.published()[signed_by[-1]]
        assert age >= DAY or signed_by[-1] == 1
        wait(folder, DAY / 2)

    assert sorted(set(signed_by)) == [1, 2]
    assert signed_by == sorted(signed_by)


def test_the_old_key_is_withdrawn_when_its_last_tokens_are_over(folder: Path) -> None:
    wait(folder, 30 * DAY)
    assert issuer_rotation.keep_schedule() == 1
    assert (published(), issuer_keys.current_number()) == ([1, 2], 1)

    wait(folder, 25 * HOUR)
    assert issuer_rotation.keep_schedule() == 0
    assert (published(), issuer_keys.current_number()) == ([1, 2], 2)

    wait(folder, HOUR + 60)
    assert issuer_rotation.keep_schedule() == 1
    assert (published(), issuer_keys.signing_numbers()) == ([2], [2])


def test_the_next_key_is_published_by_hand_once(folder: Path) -> None:
    assert issuer_rotation.publish_next() == 2
    assert issuer_rotation.publish_next() is None

    assert published() == [1, 2]
    assert 24 * HOUR < issuer_rotation.seconds_until_next_signs() <= 25 * HOUR


def test_a_stolen_key_is_replaced_at_once(folder: Path) -> None:
    issuer_rotation.publish_next()

    assert issuer_rotation.replace_now() == 3

    assert (published(), issuer_keys.signing_numbers(), issuer_keys.current_number()) == ([3], [3], 3)
    assert issuer_rotation.seconds_until_next_signs() == 0


def test_a_public_part_that_was_lost_is_published_again(folder: Path) -> None:
    before = issuer_keys.public_keys()
    (folder / "web" / "issuer-1.pub").unlink()

    assert issuer_rotation.keep_schedule() == 1
    assert issuer_keys.public_keys() == before


def test_a_lost_private_key_is_followed_by_another_number(folder: Path) -> None:
    (folder / "worker" / "issuer-1.key").unlink()

    assert issuer_rotation.keep_schedule() == 1
    assert (issuer_keys.current_number(), published()) == (2, [1, 2])


def test_the_web_zone_keeps_no_schedule(folder: Path, settings: Settings) -> None:
    wait(folder, 30 * DAY)
    settings.PORTAL_ZONE = "web"

    assert issuer_rotation.keep_schedule() == 0
    with pytest.raises(KeyUnavailable):
        issuer_rotation.replace_now()
    assert published() == [1]


def test_a_folder_that_can_not_be_written_leaves_the_keys_as_they_are(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait(folder, 30 * DAY)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(issuer_keys, "write_once", full)
    assert issuer_rotation.keep_schedule() == 0
    assert issuer_keys.current_number() == 1
