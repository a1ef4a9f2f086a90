"""Reads what members type in one field but mean as many things: a command line, environment variables."""

from __future__ import annotations

import re
import shlex

from django.core.exceptions import ValidationError

LONGEST_COMMAND = 4_000
LONGEST_ENVIRONMENT = 32_000
MOST_VARIABLES = 200
LONGEST_NAME = 128
LONGEST_VALUE = 8_000
SHOWN = 80

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_LINE_END = re.compile(r"\r\n|\r|\n")


def command(text: str) -> list[str]:
    """Split a line into words as a shell does, without interpreting anything. Raises ValidationError."""
    try:
        return shlex.split(text)
    except ValueError:
        raise ValidationError(
            'A quotation mark is not closed, or the line ends in a backslash. Close the quotation, or write \\" for '
            "the mark itself.",
            code="quoting",
        ) from None


def environment(text: str) -> dict[str, str]:
    """Read `NAME=value` lines; empty ones and those that begin with # are left out. Values are taken as they are.
    Raises ValidationError naming the line, counted from 1."""
    values: dict[str, str] = {}
    for number, line in enumerate(_LINE_END.split(text), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        name = name.strip()
        if wrong := _what_is_wrong(name, equals, value, values):
            raise ValidationError(f"Line {number}: {wrong}", code="environment")
        values[name] = value
    if len(values) > MOST_VARIABLES:
        raise ValidationError(f"These are {len(values)} variables; at most {MOST_VARIABLES} can be set.", code="many")
    return values


def _what_is_wrong(name: str, equals: str, value: str, before: dict[str, str]) -> str:
    """Return the sentence for a line that can't stand. It never holds the value."""
    if not equals:
        return "there is no =. Write NAME=value."
    if not _NAME.fullmatch(name):
        shown = f"“{name[:SHOWN]}”" if name else "an empty name"
        return f"{shown} is not a name of a variable. Use letters, digits and _ and begin with a letter."
    if len(name) > LONGEST_NAME:
        return f"the name is longer than {LONGEST_NAME} characters. Shorten it."
    if len(value) > LONGEST_VALUE:
        return f"the value of {name} is longer than {LONGEST_VALUE} characters. Shorten it, or load it at start."
    if name in before:
        return f"{name} stands there twice. Keep one."
    return ""
