"""Sending mail: plain text, from a template whose first line is the subject."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from smtplib import SMTPException

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

log = structlog.get_logger(__name__)


class Outcome(Enum):
    """What happened to a mail."""

    SENT = "taken by the mail server"
    PRINTED = "printed on the portal's console"
    NOT_SENT = "not sent"


def is_configured() -> bool:
    """Whether mail is sent to a mail server or printed on the console."""
    return bool(settings.PORTAL_SENDS_MAIL or settings.PORTAL_PRINTS_MAIL)


def send(template: str, to: str, context: Mapping[str, object]) -> Outcome:
    """Send `templates/emails/<template>.txt` to one address, or print it if no mail server is configured. Where that
    fails, the outcome is NOT_SENT. The content is never logged."""
    if not is_configured():
        return Outcome.NOT_SENT
    base = {"portal": settings.PORTAL_PUBLIC_URL, "support_email": settings.PORTAL_SUPPORT_EMAIL}
    subject, _, body = render_to_string(f"emails/{template}.txt", base | dict(context)).partition("\n")
    subject = " ".join(subject.split())[:200]
    message = EmailMessage(f"{settings.ACCOUNT_EMAIL_SUBJECT_PREFIX}{subject}", body.strip() + "\n", to=[to])
    try:
        taken = message.send()
    except (SMTPException, OSError) as error:
        log.warning("mail_not_sent", template=template, error=type(error).__name__)
        taken = 0
    if not taken:
        return Outcome.NOT_SENT
    return Outcome.SENT if settings.PORTAL_SENDS_MAIL else Outcome.PRINTED
