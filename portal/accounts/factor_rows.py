"""Which second factors an account has, as its mark covers them (`User.second_factors`).

The text has one entry for each row of allauth's table, sorted and separated by commas: the kind, a semicolon, and the
SHA-256 of the row's contents. So a row that somebody inserted, exchanged or put back no longer fits the account's mark,
and neither does a used recovery code that counts as unused, or an older counter of a passkey.

Whoever changes a factor locks its account, makes the change, and stores what was there before with that change alone:
a row that somebody else inserts at the same time is not covered by the new mark.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import NewType

from allauth.mfa.models import Authenticator

from registries.foundation.ids import UserId

FactorId = NewType("FactorId", int)

TOTP, RECOVERY_CODES, PASSKEY = (
    Authenticator.Type.TOTP.value,
    Authenticator.Type.RECOVERY_CODES.value,
    Authenticator.Type.WEBAUTHN.value,
)
PROVING = frozenset({TOTP, PASSKEY})
"""The kinds that protect an account. Recovery codes only replace one of these."""


def rows_of(person_id: UserId, *, lock: bool = False) -> list[Authenticator]:
    """Return the person's second factors, oldest first; locked until the end of the transaction on request."""
    rows = Authenticator.objects.filter(user_id=person_id).order_by("pk")
    return list(rows.select_for_update() if lock else rows)


def entry_of(row: Authenticator) -> str:
    """Return what a mark covers of a row: its kind and the digest of its contents."""
    contents = json.dumps(row.data, sort_keys=True, separators=(",", ":"))
    return f"{row.type};{hashlib.sha256(contents.encode()).hexdigest()}"


def state_of(rows: Iterable[Authenticator]) -> str:
    """Return the text of `User.second_factors` for these rows; empty for none."""
    return ",".join(sorted(entry_of(row) for row in rows))


def kinds_in(state: str) -> frozenset[str]:
    """Return the kinds of factors that a state covers, also one of the previous version, which had kinds alone."""
    return frozenset(entry.partition(";")[0] for entry in state.split(",") if entry)


def is_protected(state: str) -> bool:
    """Whether the account has a second factor that signing in asks for, by what its mark covers."""
    return bool(kinds_in(state) & PROVING)
