"""Mail of a portal without a mail server: printed on the console of `manage.py up`, or on the process's own.

The links in it are secrets, so it must not be written to a log: `up` passes its console to its children as
`PORTAL_CONSOLE_FD`, while their output goes to files. Control characters that people typed are replaced.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Sequence

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

RULE = "─" * 72
TIMEOUT_MS = 2000


class ConsoleMail(BaseEmailBackend):
    """A mail backend of Django that prints."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Print mails; return how many. Raises OSError if the console can't be written to within TIMEOUT_MS."""
        descriptor = settings.PORTAL_CONSOLE_FD
        for message in email_messages:
            _write(sys.stdout.fileno() if descriptor is None else descriptor, printed(message).encode())
        return len(email_messages)


def printed(message: EmailMessage) -> str:
    """Return a mail as it is printed."""
    head = f"Mail to {', '.join(message.to)}: {message.subject}"
    lines = [RULE, head, "", *str(message.body).strip().splitlines(), RULE]
    return "".join(f"{_printable(line)}\n" for line in lines)


def _printable(line: str) -> str:
    return "".join(character if character.isprintable() else "�" for character in line.expandtabs(4))


def _write(descriptor: int, content: bytes) -> None:
    """Write all of it, in pieces that don't block on a pipe: a console that nobody reads must not block a page."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    while content:
        ready = poll.poll(TIMEOUT_MS)
        if not ready or not ready[0][1] & select.POLLOUT:
            raise BrokenPipeError("the console takes no more")
        content = content[os.write(descriptor, content[: select.PIPE_BUF]) :]
