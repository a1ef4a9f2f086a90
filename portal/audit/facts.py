"""What members read next to the sentence of a row of the activity: when, from where, in which request, what changed."""

from __future__ import annotations

from collections.abc import Mapping

from portal.models import Activity
from registries.foundation.activity import Value
from registries.foundation.actor import ActorKind

_LOCATED = (ActorKind.PERSON, ActorKind.API_KEY, ActorKind.NODE, ActorKind.ANONYMOUS)


def client_address_of(row: Activity) -> str:
    """Return the client's address, empty if there is none or it was erased. Members don't read from where support and
    operators acted."""
    text = row.kept_text
    return text.client_address if text is not None and row.actor_kind in _LOCATED else ""


def facts_of(row: Activity) -> list[tuple[str, str]]:
    """Return what is known of how the action was done, as pairs of a label and a text."""
    facts = [
        ("Time", f"{row.created_at:%-d %B %Y, %H:%M:%S} UTC"),
        ("IP address", client_address_of(row)),
        ("Request ID", row.request_id),
        ("Row", str(row.number)),
    ]
    return [(label, text) for label, text in facts if text]


def changes_of(row: Activity) -> list[tuple[str, str]]:
    """Return the settings that the action changed, as pairs of a name and a text: `1 → 2`, `2` for a new one, `was 1`
    for one that is gone. Empty if they were erased."""
    text = row.kept_text
    if text is None:
        return []
    names = [*text.before, *(name for name in text.after if name not in text.before)]
    return [(name, _change(name, text.before, text.after)) for name in names]


def _change(name: str, before: Mapping[str, Value], after: Mapping[str, Value]) -> str:
    if name not in before:
        return _in_words(after[name])
    if name not in after:
        return f"was {_in_words(before[name])}"
    return f"{_in_words(before[name])} → {_in_words(after[name])}"


def _in_words(value: Value) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None or value == "" else str(value)
