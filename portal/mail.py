"""Mail that the portal sends: plain text, from a template whose first line is the subject."""

from __future__ import annotations

from smtplib import SMTPException
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

log = structlog.get_logger(__name__)


def send(template: str, to: str, context: dict[str, Any]) -> bool:
    """Send `templates/emails/<template>.txt` to one address. Returns whether a mail server took it; where none was
    named, nothing is sent. What the mail says is never logged."""
    if not settings.PORTAL_SENDS_MAIL:
        return False
    base = {"portal": settings.PORTAL_PUBLIC_URL, "support_email": settings.PORTAL_SUPPORT_EMAIL}
    subject, _, body = render_to_string(f"emails/{template}.txt", base | context).partition("\n")
    subject = " ".join(subject.split())[:200]
    try:
        return bool(
            EmailMessage(f"{settings.ACCOUNT_EMAIL_SUBJECT_PREFIX}{subject}", body.strip() + "\n", to=[to]).send()
        )
    except (SMTPException, OSError) as error:
        log.warning("mail_not_sent", template=template, error=type(error).__name__)
        return False
