"""Mail for a portal without a mail server: printed on the console of `manage.py up`, or where the process itself runs.

Links in it are secrets that work once, so it must not end in a log: `up` hands its children its own console as
`PORTAL_CONSOLE_FD`, while their output goes to files. What people wrote can't steer the terminal.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

RULE = "─" * 72
PATIENCE_MS = 2000


class ConsoleMail(BaseEmailBackend):
    """Django's way to send, onto a console."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Print mails; return how many. Raises OSError where the console takes no more."""
        descriptor = settings.PORTAL_CONSOLE_FD
        for message in email_messages:
            _write(sys.stdout.fileno() if descriptor is None else descriptor, printed(message).encode())
        return len(email_messages)


def printed(message: Any) -> str:
    """A mail as it stands on the console."""
    head = f"Mail to {', '.join(message.to)}: {message.subject}"
    lines = [RULE, head, "", *str(message.body).strip().splitlines(), RULE]
    return "".join(f"{_harmless(line)}\n" for line in lines)


def _harmless(line: str) -> str:
    return "".join(sign if sign.isprintable() else "�" for sign in line.expandtabs(4))


def _write(descriptor: int, content: bytes) -> None:
    """Write all of it, in pieces that a pipe takes at once: a console that nobody reads holds up no page."""
    waiting = select.poll()
    waiting.register(descriptor, select.POLLOUT)
    while content:
        ready = waiting.poll(PATIENCE_MS)
        if not ready or not ready[0][1] & select.POLLOUT:
            raise BrokenPipeError("the console takes no more")
        content = content[os.write(descriptor, content[: select.PIPE_BUF]) :]
