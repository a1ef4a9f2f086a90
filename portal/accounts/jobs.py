"""The worker's jobs of accounts. Like those in `groups.jobs` they take an id and never raise."""

from __future__ import annotations

from groups.jobs import run_job
from portal.accounts import password_mails
from registries.foundation.ids import PasswordMailId


def mail_password(mail_id: str) -> None:
    """Mail the link that somebody asked for."""
    run_job("mail_password", PasswordMailId, mail_id, password_mails.send)
