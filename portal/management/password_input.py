"""Passwords for commands: from a file or standard input, since everyone on the machine sees command lines."""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser

from django.core.management.base import CommandError

MAX_BYTES = 4096


def add_password_arguments(parser: ArgumentParser, help_text: str) -> None:
    """Add `--password-file`, and `--password` for programs that rely on it."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--password-file", metavar="FILE", help=f"{help_text} FILE contains it, - is standard input.")
    group.add_argument("--password", help="The same on the command line, where everyone on this machine can see it.")


def read_password(password: str | None, file: str | None) -> str | None:
    """Return the password of these arguments, None if there is none. Raises CommandError."""
    if file is None:
        return password
    try:
        if file != "-":
            with open(file, "rb") as opened:
                text = opened.read(MAX_BYTES + 1).decode()
        elif sys.stdin.isatty():
            text = getpass.getpass()
        else:
            text = sys.stdin.buffer.read(MAX_BYTES + 1).decode()
    except (OSError, ValueError, EOFError) as error:
        raise CommandError(f"--password-file can't be read: {type(error).__name__}") from None
    found = text.removesuffix("\n").removesuffix("\r")
    if not found or "\n" in found or len(found) > MAX_BYTES:
        raise CommandError("--password-file has to contain one line, the password")
    return found
