"""Checks credentials before anything is sent. No reason and no notice repeats a value."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Check = Callable[[Mapping[str, str], str], None]
"""Takes values by field name and the registry's host; raises `Unusable`."""


class Unusable(ValueError):
    """Credentials that can't work. `reason` is at most 80 characters, and completes "they can't be used:". `field` is
    the name of the field that it is about, or empty."""

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field


@dataclass(frozen=True)
class Field:
    """One value of a credential. A secret is sealed and never shown again; other values stay on the receipt.

    `multiline` text may contain line breaks. `choices` are (value, label) pairs, if only some values are possible.
    `limit` is in bytes of UTF-8. `pattern` matches values that look like a secret and are none.
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
    pattern: str = ""


@dataclass(frozen=True)
class Notice:
    """A likely mistake in the field of that name."""

    field: str
    text: str


def check_shape(fields: Sequence[Field], values: Mapping[str, str]) -> None:
    """Check that no value is missing, too long, or contains characters that no credential has. Raises `Unusable`."""
    for field in fields:
        text = values.get(field.name, "")
        if not text.strip() and not field.optional:
            raise Unusable(f"{_quoted_label(field)} is missing", field.name)
        if len(text) > field.limit or _has(text, "Cs") or len(text.encode()) > field.limit:
            raise Unusable(f"{_quoted_label(field)} is too long, or holds what is no text", field.name)
        text_without_breaks = text.translate(_LINE_BREAKS) if field.multiline else text
        if _has(text_without_breaks, "Cc"):
            raise Unusable(f"{_quoted_label(field)} holds a line break or control character", field.name)
        if field.choices and text and text not in {value for value, _ in field.choices}:
            raise Unusable(f"{_quoted_label(field)} is none of those offered", field.name)


def notices(fields: Sequence[Field], values: Mapping[str, str]) -> tuple[Notice, ...]:
    """Return notices about spaces at the ends and invisible characters. They are kept: a password may contain them."""
    found = []
    for field in fields:
        text = values.get(field.name, "")
        if field.multiline or not text:
            continue
        if text != text.strip():
            where = "beginning" if text != text.lstrip() else "end"
            found.append(
                Notice(
                    field.name,
                    f"There is a blank at the {where} of {_quoted_label(field)}. It is sent as it is if you keep it.",
                )
            )
        if _has(text, "Cf"):
            found.append(
                Notice(
                    field.name,
                    f"There is an invisible character in {_quoted_label(field)}, as pasted from a page or chat.",
                )
            )
    return tuple(found)


def no_colon(values: Mapping[str, str], host: str) -> None:
    """Raise `Unusable` for a colon in the user name: the first one ends the name (RFC 7617)."""
    if ":" in values.get("username", ""):
        raise Unusable("a user name can't contain a colon", "username")


_LINE_BREAKS = str.maketrans(dict.fromkeys("\r\n\t", " "))


def _quoted_label(field: Field) -> str:
    return f"“{field.label}”"


def _has(text: str, category: str) -> bool:
    return any(unicodedata.category(character) == category for character in text)
