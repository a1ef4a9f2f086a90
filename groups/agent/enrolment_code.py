"""The one-time enrolment code: from a file or standard input, since everyone on the machine sees command lines."""

from __future__ import annotations

import argparse
import getpass
import re
import sys

from groups.agent.events import say

MAX_BYTES = 1024
_CODE = re.compile(r"[\x21-\x7e]+")


class CodeUnreadable(Exception):
    """There is no code where the options say; the message names the way out and not the content."""


def read_code(options: argparse.Namespace) -> str:
    """Return the code that `--code-file` or `--code` gives. Raises CodeUnreadable."""
    if options.code_file:
        return _from_file(options.code_file)
    if not options.code:
        raise CodeUnreadable("this node is not enrolled: give its enrolment code with --code-file FILE")
    say("warning", reason="--code shows the code to everyone on this machine: use --code-file FILE, or - for stdin")
    return str(options.code)


def _from_file(name: str) -> str:
    """The first line of a file, or of standard input for `-`; whoever sits at a terminal is asked."""
    try:
        if name != "-":
            with open(name, "rb") as file:
                text = file.read(MAX_BYTES).decode()
        elif sys.stdin.isatty():
            text = getpass.getpass("Enrolment code: ")
        else:
            text = sys.stdin.buffer.read(MAX_BYTES).decode()
    except (OSError, ValueError, EOFError) as error:
        raise CodeUnreadable(f"--code-file can't be read: {type(error).__name__}") from None
    code = text.strip()
    if not _CODE.fullmatch(code):
        raise CodeUnreadable("--code-file has to contain the enrolment code and nothing else")
    return code
