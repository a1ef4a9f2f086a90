"""Whether clients can read a config. Those on the nodes parse all of it into types, and fail at a value that differs.

The names and types are those of the image specification ("Image Configuration", as in its Go module). Clients ignore
the case of names, null, and what they don't know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

_Type: TypeAlias = str | Mapping[str, str]
"""`text`, `flag`, `time`, `texts` (a list), `labels` (texts by name), `set` (objects by name), or fields by name."""

_DESCRIPTION: dict[str, _Type] = {"created": "time", "author": "text"}
_PLATFORM: dict[str, _Type] = {
    "architecture": "text",
    "os": "text",
    "os.version": "text",
    "os.features": "texts",
    "variant": "text",
}
_RUN: dict[str, str] = {
    "user": "text",
    "exposedports": "set",
    "env": "texts",
    "entrypoint": "texts",
    "cmd": "texts",
    "volumes": "set",
    "workingdir": "text",
    "labels": "labels",
    "stopsignal": "text",
    "argsescaped": "flag",
}
_CONFIG: dict[str, _Type] = {**_DESCRIPTION, **_PLATFORM, "config": _RUN}
_HISTORY: dict[str, _Type] = {**_DESCRIPTION, "created_by": "text", "comment": "text", "empty_layer": "flag"}

_TIME = re.compile(
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(?:[.,][0-9]+)?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)


def unreadable_field(document: Mapping[str, object]) -> str:
    """Return the name of a field that clients can't read, such as `config.Env`, or "" if they can read all of them."""
    found = _misfit(document, _CONFIG)
    if found:
        return found
    for name, history in document.items():
        if name.lower() != "history" or history is None:
            continue
        if not isinstance(history, list):
            return "history"
        found = next(filter(None, (_misfit(entry, _HISTORY) for entry in history if entry is not None)), "")
        if found:
            return f"history.{found}".rstrip(".")
    return ""


def _misfit(value: object, fields: Mapping[str, _Type]) -> str:
    """The name of a field within the object `value` that doesn't fit; "." if it isn't an object."""
    if not isinstance(value, Mapping):
        return "."
    for name, inner in value.items():
        expected = fields.get(name.lower())
        if expected is None or inner is None:
            continue
        if not isinstance(expected, str):
            if found := _misfit(inner, expected):
                return f"{name}.{found}".rstrip(".")
        elif not _fits(inner, expected):
            return str(name)
    return ""


def _fits(value: object, expected: str) -> bool:
    if expected == "flag":
        return isinstance(value, bool)
    if expected == "time":
        return isinstance(value, str) and _TIME.fullmatch(value) is not None
    if expected == "text":
        return isinstance(value, str)
    if expected == "texts":
        return isinstance(value, list) and all(item is None or isinstance(item, str) for item in value)
    kind = str if expected == "labels" else Mapping
    return isinstance(value, Mapping) and all(item is None or isinstance(item, kind) for item in value.values())
