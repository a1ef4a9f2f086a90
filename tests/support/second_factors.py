"""Second factors of people, added without a request of theirs."""

from __future__ import annotations

import time
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.core.cache import cache
from django.db import transaction
from django.test import Client

from portal.accounts import authority
from portal.accounts.factor_rows import state_of
from portal.accounts.second_factors import owned_by

STEP = "/accounts/2fa/authenticate/"
SECRET = "JBSWY3DPEHPK3PXP"  # pragma: allowlist secret


def add_totp(person: Any, secret: str = SECRET) -> TOTP:
    """Give the person an authenticator app."""
    with owned_by(person.pk):
        return _covered(person, TOTP.activate(person, secret))


def add_recovery_codes(person: Any) -> RecoveryCodes:
    """Give the person recovery codes."""
    with owned_by(person.pk):
        return _covered(person, RecoveryCodes.activate(person))


def add_passkey_row(person: Any, **data: Any) -> Authenticator:
    """Give the person a row of a passkey that no device has."""
    row = Authenticator.objects.create(user=person, type="webauthn", data={"name": "Laptop", "credential": {}, **data})
    cover(person)
    return row


def cover(person: Any) -> None:
    """Let the account's mark cover the rows that there are, as after a change by the portal."""
    with transaction.atomic():
        person.second_factors = state_of(Authenticator.objects.filter(user=person))
        authority.store(person, "second_factors")


def _covered(person: Any, factor: Any) -> Any:
    cover(person)
    return factor


def unused_codes(person: Any, codes: RecoveryCodes) -> list[str]:
    """The recovery codes that the person has not used."""
    with owned_by(person.pk):
        return list(codes.get_unused_codes())


def second_step(browser: Client, response: Any, secret: str = SECRET) -> Any:
    """Enter the code where a response to the sign-in page asks for it. The same code works for each sign-in of a
    test."""
    if response.status_code != 302 or response.headers["Location"].partition("?")[0] != STEP:
        return response
    cache.clear()
    return browser.post(response.headers["Location"], {"code": code_now(secret)})


def code_now(secret: str = SECRET) -> str:
    """The code that an authenticator app with this secret shows now."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))
