"""An organization's activity as CSV or as lines of JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator

from django.db.models import QuerySet

from portal.models import Activity, ActivityText
from registries.foundation.actor import ActorKind

CHUNK = 500
COLUMNS = (
    "number",
    "time",
    "action",
    "actor_kind",
    "actor",
    "client_address",
    "target_kind",
    "target_key",
    "target",
    "detail",
    "before",
    "after",
    "request_id",
    "hash",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""Beginnings of a cell that a spreadsheet would compute; such a cell gets an apostrophe in front."""

Value = str | int | dict[str, object]


def as_json_lines(rows: QuerySet[Activity]) -> Iterator[str]:
    """Yield one line of JSON for each row, an object with the names in `COLUMNS`."""
    for row in rows.iterator(chunk_size=CHUNK):
        yield json.dumps(_columns(row), ensure_ascii=False) + "\n"


def as_csv(rows: QuerySet[Activity]) -> Iterator[str]:
    """Yield the rows as CSV with every cell quoted, the names of the columns first. `before` and `after` are JSON."""
    yield _line(COLUMNS)
    for row in rows.iterator(chunk_size=CHUNK):
        yield _line(_columns(row).values())


def _columns(row: Activity) -> dict[str, Value]:
    """What members read of a row. Which operator acted, and from where, only operators read."""
    text: ActivityText = getattr(row, "text", None) or ActivityText()
    is_operator = row.actor_kind == ActorKind.OPERATOR
    values: tuple[Value, ...] = (
        row.number,
        row.created_at.isoformat(),
        row.action,
        row.actor_kind,
        text.actor_name,
        "" if is_operator else text.client_address,
        row.target_kind,
        row.target_key,
        text.target_name,
        text.detail,
        text.before,
        text.after,
        row.request_id,
        row.hash,
    )
    return dict(zip(COLUMNS, values, strict=True))


def _line(values: Iterable[Value]) -> str:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow([_cell(value) for value in values])
    return out.getvalue()


def _cell(value: Value) -> str:
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
    if text == "{}":
        return ""
    return f"'{text}" if text.startswith(_FORMULA) else text
