"""The marks of accounts: each covers one state of one account."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from registries.foundation.ids import UserId
from registries.secrets import keyring
from registries.secrets.account_marks import AccountState, is_marked, mark_of

STATE = AccountState(
    person_id=UserId(7),
    email="olga@drayage.example",
    password="md5$a$b",  # pragma: allowlist secret
    second_factors="totp",
    is_active=True,
    is_staff=True,
    is_support=False,
    is_superuser=True,
    address_proof="operator",
    session_epoch=3,
)


def test_a_mark_fits_its_state_only() -> None:
    assert is_marked(mark_of(STATE), STATE)
    for field in fields(STATE):
        value = getattr(STATE, field.name)
        other = not value if isinstance(value, bool) else UserId(70) if isinstance(value, int) else value + "x"
        changed: dict[str, Any] = {field.name: other}
        assert not is_marked(mark_of(STATE), replace(STATE, **changed)), field.name
    assert not is_marked(mark_of(STATE), replace(STATE, email=STATE.email[:-1], password=STATE.email[-1] + "md5$a$b"))


@pytest.mark.parametrize("mark", ["", "0" * 64, "é"])
def test_what_somebody_made_up_fits_nothing(mark: str) -> None:
    assert not is_marked(mark, STATE)


def test_another_portal_makes_others(monkeypatch: pytest.MonkeyPatch) -> None:
    mark = mark_of(STATE)
    monkeypatch.setattr(keyring, "data_key", lambda: bytes(32))
    assert not is_marked(mark, STATE)
