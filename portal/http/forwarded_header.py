"""Reading `Forwarded` (RFC 7239) from its end: who was connected to each proxy, the newest entry first.

A client sends what it likes in front of what a proxy appends, such as a quote that is never closed. Reading from the
end, the newest entry is the shortest text that has the form of one, so nothing in front of it changes its meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_COMMAS = 8
"""Commas that may be inside an entry, in quotes."""
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_PAIR = re.compile(rf"({_WORD})=({_WORD}|{_QUOTED})")
_ENTRY = re.compile(rf"{_WORD}=(?:{_WORD}|{_QUOTED})(?:[ \t]*;[ \t]*(?:{_WORD}=(?:{_WORD}|{_QUOTED}))?)*")
_NODE = re.compile(r"[0-9.]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?")


def newest_first(text: str) -> Iterator[str]:
    """Return the addresses of `for=` from the end, with their ports, an IPv6 address in brackets. An obfuscated or
    unknown one, and one with an unknown port, is an empty text; so is what has not the form of an entry, which ends
    them."""
    while text.strip():
        found = _split_newest(text)
        if found is None:
            yield ""
            return
        text, entry = found
        yield _address_of(entry)


def _split_newest(text: str) -> tuple[str, str] | None:
    """What is in front of the last entry, and the entry; None if the text doesn't end with one."""
    end = len(text)
    for _ in range(MAX_COMMAS + 1):
        comma = text.rfind(",", 0, end)
        entry = text[comma + 1 :].strip(" \t")
        if _ENTRY.fullmatch(entry):
            return text[: max(comma, 0)], entry
        if comma < 0:
            return None
        end = comma
    return None


def _address_of(entry: str) -> str:
    """The address in `for=`; empty if there is none, or more than one."""
    values = [value for name, value in _PAIR.findall(entry) if name.lower() == "for"]
    if len(values) != 1:
        return ""
    value = values[0]
    if value.startswith('"'):
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    return value if _NODE.fullmatch(value) else ""
