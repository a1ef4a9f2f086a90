"""Keys of releases in which they had no owner keep working, and get one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from portal.models import ApiKey, User
from portal.organizations.api_key_rows import earlier_columns
from portal.organizations.api_keys import create_key, find_live_key
from portal.organizations.key_owners import STEP, own_existing
from registries.foundation.actor import CONSOLE
from registries.secrets import keyring, one_time
from registries.secrets.one_time import Purpose


@pytest.fixture(autouse=True)
def keys(settings: Settings, tmp_path: Path, db: None) -> None:
    settings.PORTAL_KEY_DIR = tmp_path
    keyring.create_missing()
    (tmp_path / "worker" / f"{STEP}.done").unlink()


def earlier(organization: Any, created_by: User | None) -> str:
    """A key as the release before stored it. Returns its text."""
    row, text = create_key(organization_id=organization.pk, name="ci", scope="write", by=CONSOLE)
    row.seal = one_time.seal_of(row.key_hash, Purpose.API_KEY, *earlier_columns(row))
    row.owner, row.created_by = None, created_by
    row.save()
    assert find_live_key(text) is None
    return text


def remark(*people: User) -> None:
    """The keys of this test are others than those their accounts were marked with."""
    for person in people:
        person.set_authority_mark()
        person.save()


def test_whoever_created_a_key_owns_it(acme: Any, alice: User) -> None:
    remark(alice)
    text = earlier(acme, alice)

    assert own_existing() == 1
    row = find_live_key(text)
    assert row is not None
    assert row.owner == alice


def test_a_key_of_somebody_who_left_works_and_has_no_owner(acme: Any, alice: User, bob: User, mallory: User) -> None:
    """Until an owner takes it over or revokes it: its creator may have been a colleague who left long ago."""
    texts = [earlier(acme, person) for person in (bob, mallory, None)]

    assert own_existing() == 3
    assert [row.owner for row in map(find_live_key, texts) if row is not None] == [None, None, None]


def test_it_is_done_once_and_not_for_what_does_not_fit(acme: Any, alice: User) -> None:
    text = earlier(acme, alice)
    ApiKey.objects.update(scope="read")

    assert own_existing() == 0
    assert find_live_key(text) is None
    later = earlier(acme, alice)
    assert own_existing() == 0
    assert find_live_key(later) is None
    assert keyring.is_done(STEP)
