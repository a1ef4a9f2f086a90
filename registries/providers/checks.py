"""Judges what was typed before anything is sent. No reason and no notice repeats a value."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Check = Callable[[Mapping[str, str], str], None]
"""Takes values by field name and the registry's host; raises `Unusable`."""


class Unusable(ValueError):
    """Credentials that can't work. `reason` is at most 80 characters, and completes "they can't be used:"; `field` is
    the name of the field that it is about, where it is one."""

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field


@dataclass(frozen=True)
class Field:
    """One thing that a member types. A secret is sealed and never shown again; the rest stays on the receipt.

    `multiline` text may hold line breaks. `choices` are the (value, label) pairs that are offered, if only some
    values are possible. `limit` is in bytes of UTF-8.
    """

    name: str
    label: str
    help: str
    secret: bool = False
    placeholder: str = ""
    multiline: bool = False
    optional: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    limit: int = 8 * 1024


@dataclass(frozen=True)
class Notice:
    """What looks like a slip in the field of that name."""

    field: str
    text: str


def check_shape(fields: Sequence[Field], values: Mapping[str, str]) -> None:
    """See that nothing is missing, too long, or made of what no credential holds."""
    for each in fields:
        text = values.get(each.name, "")
        if not text.strip() and not each.optional:
            raise Unusable(f"{_named(each)} is missing", each.name)
        if len(text) > each.limit or _has(text, "Cs") or len(text.encode()) > each.limit:
            raise Unusable(f"{_named(each)} is too long, or holds what is no text", each.name)
        shown = text.translate(_LINE_BREAKS) if each.multiline else text
        if _has(shown, "Cc"):
            raise Unusable(f"{_named(each)} holds a line break or control character", each.name)
        if each.choices and text and text not in {value for value, _ in each.choices}:
            raise Unusable(f"{_named(each)} is none of those offered", each.name)


def notices(fields: Sequence[Field], values: Mapping[str, str]) -> tuple[Notice, ...]:
    """Name blanks at the ends and invisible characters. They are kept: a password may hold them."""
    found = []
    for each in fields:
        text = values.get(each.name, "")
        if each.multiline or not text:
            continue
        if text != text.strip():
            where = "beginning" if text != text.lstrip() else "end"
            found.append(
                Notice(
                    each.name, f"There is a blank at the {where} of {_named(each)}. It is sent as it is if you keep it."
                )
            )
        if _has(text, "Cf"):
            found.append(
                Notice(each.name, f"There is an invisible character in {_named(each)}, as pasted from a page or chat.")
            )
    return tuple(found)


def no_colon(values: Mapping[str, str], host: str) -> None:
    """RFC 7617: the first colon ends the user name, so one inside it would send another name and secret."""
    if ":" in values.get("username", ""):
        raise Unusable("a user name can't contain a colon", "username")


_LINE_BREAKS = str.maketrans(dict.fromkeys("\r\n\t", " "))


def _named(each: Field) -> str:
    return f"“{each.label}”"


def _has(text: str, category: str) -> bool:
    return any(unicodedata.category(sign) == category for sign in text)
