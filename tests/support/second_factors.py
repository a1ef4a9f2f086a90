"""Second factors of people, added without a request of theirs."""

from __future__ import annotations

import time
from typing import Any

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value

from portal.accounts.authority import keeps_mark
from portal.accounts.second_factors import owned_by

SECRET = "JBSWY3DPEHPK3PXP"  # pragma: allowlist secret


def add_totp(person: Any, secret: str = SECRET) -> TOTP:
    """Give the person an authenticator app."""
    with keeps_mark(person.pk), owned_by(person.pk):
        return TOTP.activate(person, secret)


def add_recovery_codes(person: Any) -> RecoveryCodes:
    """Give the person recovery codes."""
    with keeps_mark(person.pk), owned_by(person.pk):
        return RecoveryCodes.activate(person)


def unused_codes(person: Any, codes: RecoveryCodes) -> list[str]:
    """The recovery codes that the person has not used."""
    with owned_by(person.pk):
        return list(codes.get_unused_codes())


def code_now(secret: str = SECRET) -> str:
    """The code that an authenticator app with this secret shows now."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))
