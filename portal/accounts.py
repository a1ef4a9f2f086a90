"""How allauth makes and admits people: by invitation or by an operator, never by signing up; and how it keeps
the secrets of their second factor."""

from __future__ import annotations

import base64

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest

from groups import at_rest

SECOND_FACTOR = "second factor"


class AccountAdapter(DefaultAccountAdapter):
    """Closes the sign-up page."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody signs up alone: an operator or an owner adds people."""
        return False


class MFAAdapter(DefaultMFAAdapter):
    """Encrypts TOTP secrets and recovery codes at rest."""

    def encrypt(self, text: str) -> str:
        """Return what stands in the database for a secret."""
        return base64.b64encode(at_rest.encrypt(text.encode(), bound_to=SECOND_FACTOR)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Return the secret. Raises AtRestBroken for what was not encrypted here."""
        return at_rest.decrypt(base64.b64decode(encrypted_text), bound_to=SECOND_FACTOR).decode()
