"""How allauth makes and admits people: by invitation or by an operator, never by signing up; and how it keeps
the secrets of their second factor."""

from __future__ import annotations

import base64
from smtplib import SMTPException
from typing import Any

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest

from groups import at_rest

SECOND_FACTOR = "second factor"
log = structlog.get_logger(__name__)


class AccountAdapter(DefaultAccountAdapter):
    """Closes the sign-up page, and answers also where mail can't be sent."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody signs up alone: an operator or an owner adds people."""
        return False

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send, or log that it failed: an answer that told so would also tell that the address has an account."""
        try:
            super().send_mail(template_prefix, email, context)
        except (SMTPException, OSError) as error:
            log.warning("mail_not_sent", template=template_prefix, error=type(error).__name__)


class MFAAdapter(DefaultMFAAdapter):
    """Encrypts TOTP secrets and recovery codes at rest."""

    def encrypt(self, text: str) -> str:
        """Return what stands in the database for a secret."""
        return base64.b64encode(at_rest.encrypt(text.encode(), bound_to=SECOND_FACTOR)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Return the secret. Raises AtRestBroken for what was not encrypted here."""
        return at_rest.decrypt(base64.b64decode(encrypted_text), bound_to=SECOND_FACTOR).decode()
