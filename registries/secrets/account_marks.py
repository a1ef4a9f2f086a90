"""The mark that makes an account what it is: an HMAC-SHA256 over what gives the account its power, with a key of the
web zone.

Who can only write to the database can neither give an account another password nor make it an operator's: the mark no
longer fits, and the portal doesn't take the account for anybody's.
"""

from __future__ import annotations

import hmac
from dataclasses import astuple, dataclass

from registries.foundation.ids import UserId
from registries.secrets import keyring


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """What a mark covers. `password` is the stored hash; `second_factors` are their kinds and digests. `address_proof`
    says who showed that the person has the address, and sessions of an earlier `session_epoch` have ended."""

    person_id: UserId
    email: str
    password: str
    second_factors: str
    is_active: bool
    is_staff: bool
    is_support: bool
    is_superuser: bool
    address_proof: str
    session_epoch: int


def mark_of(state: AccountState) -> str:
    """Return the mark, 64 hexadecimal digits. Raises `keyring.KeyUnavailable`."""
    return _mac("drayage account 2", astuple(state))


def is_marked(mark: str, state: AccountState) -> bool:
    """Whether `mark_of` made the mark from this state. Raises `keyring.KeyUnavailable`."""
    return hmac.compare_digest(mark_of(state).encode(), mark.encode())


def is_marked_before(mark: str, state: AccountState) -> bool:
    """Whether the previous version made the mark from this state, of which it didn't cover the last two fields. For
    `manage.py prepare` alone. Raises `keyring.KeyUnavailable`."""
    return hmac.compare_digest(_mac("drayage account 1", astuple(state)[:-2]).encode(), mark.encode())


def _mac(version: str, values: tuple[object, ...]) -> str:
    parts = [part.encode() for part in (version, *map(str, values))]
    # Each part is preceded by its length, so that no two states are alike.
    message = b"".join(len(part).to_bytes(4) + part for part in parts)
    return hmac.digest(keyring.accounts_key(), message, "sha256").hex()
