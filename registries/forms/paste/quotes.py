"""Escapes with a backslash: of `$'…'` in a shell, of `printf`, and of `echo -e`."""

from __future__ import annotations

import re

_ESCAPE = re.compile(
    r"((?:\\x[0-9A-Fa-f]{1,2}|\\[0-7]{1,3})+)"
    r"|\\(?:([abeEfnrtv\\'\"?])|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|c(.))",
    re.DOTALL,
)
_BYTE = re.compile(r"\\(?:x([0-9A-Fa-f]{1,2})|([0-7]{1,3}))")
_NAMED = {
    "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "'": "'", '"': '"', "?": "?",
}  # fmt: skip
_ANSI_C = re.compile(r"((?:[^\\']|\\.)*+)'", re.DOTALL)


def ansi_c(text: str, start: int) -> tuple[str | None, int]:
    """Return what `$'…'` means, whose content begins at `start`, and the place after it; None if it is not closed."""
    match = _ANSI_C.match(text, start)
    return (unescape(match[1]), match.end()) if match else (None, len(text))


def unescape(text: str) -> str:
    """Return the text with its escapes replaced. A backslash before anything else stays."""
    return _ESCAPE.sub(_character, text)


def _character(match: re.Match[str]) -> str:
    codes, named, short, long, control = match.groups()
    if codes:
        raw = bytes(int(hexadecimal, 16) if hexadecimal else int(octal, 8) & 0xFF
                    for hexadecimal, octal in _BYTE.findall(codes))  # fmt: skip
        return raw.decode("utf-8", "replace")
    if named:
        return _NAMED[named]
    if control:
        return chr(ord(control.upper()) & 0x1F) if control.isascii() else match[0]
    number = int(short or long, 16)
    return chr(number) if number < 0xD800 or 0xDFFF < number <= 0x10FFFF else match[0]
