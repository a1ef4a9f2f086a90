"""An organization's activity as CSV or as lines of JSON: the newest rows, in a temporary file."""

from __future__ import annotations

import errno
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import IO

from django.conf import settings
from django.db.models import QuerySet

from portal.audit.facts import client_address_of
from portal.models import Activity, ActivityText
from registries.foundation.csv_lines import csv_line
from registries.foundation.refusal import Refusal

CHUNK = 2000
"""Rows that are read from the database at a time."""
MAX_EXPORT_ROWS = 100_000
MAX_BUILD_SECONDS = 60.0
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
Value = str | int | dict[str, object]
Format = Callable[[Iterable[Activity]], Iterator[str]]


class ExportTooSlow(Refusal):
    """The rows were not found within MAX_BUILD_SECONDS."""

    code = "export_too_slow"
    title = "This export takes too long"
    status = 503

    def __init__(self) -> None:
        super().__init__("Finding these rows takes too long. Export fewer days, or search for fewer words.")


class NoRoomForExport(Refusal):
    """The disk has no room for the temporary file."""

    code = "export_no_room"
    title = "There is no room for this export"
    status = 507

    def __init__(self) -> None:
        super().__init__("The portal's disk is full. Nothing is lost: try again later, or export fewer days.")


class ClientLeft(Refusal):
    """Nobody waits for the file any more. Nobody reads this either."""

    code = "client_left"
    title = "The download was cancelled"
    status = 499

    def __init__(self) -> None:
        super().__init__("The connection was closed before the file was complete.")


@dataclass(frozen=True)
class Export:
    """A temporary file, at its beginning, that is deleted when it is closed. `size` is in bytes. `is_cut` means that
    more than MAX_EXPORT_ROWS rows match."""

    file: IO[bytes]
    size: int
    is_cut: bool


def build(rows: QuerySet[Activity], format: Format, *, has_left: Callable[[], bool]) -> Export:
    """Write the newest MAX_EXPORT_ROWS of these rows, which are sorted by number, the newest first. `has_left` says
    whether the client has. Raises ClientLeft, ExportTooSlow, NoRoomForExport."""
    file = tempfile.TemporaryFile(dir=settings.PORTAL_DATA_DIR)  # noqa: SIM115 (closed with the response)
    try:
        found = _read(rows, until=time.monotonic() + MAX_BUILD_SECONDS, has_left=has_left)
        for line in format(islice(found, MAX_EXPORT_ROWS)):
            file.write(line.encode())
        is_cut = next(found, None) is not None
        size = file.tell()
        file.seek(0)
    except BaseException as error:
        with suppress(OSError):  # what is left of a full disk can't be written
            file.close()
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoomForExport from None
        raise
    return Export(file, size, is_cut)


def _read(rows: QuerySet[Activity], *, until: float, has_left: Callable[[], bool]) -> Iterator[Activity]:
    """Yield the rows, a few at a time by their numbers: a long transaction would hold up others."""
    chunk = list(rows[:CHUNK])
    while chunk:
        yield from chunk
        if has_left():
            raise ClientLeft
        if time.monotonic() > until:
            raise ExportTooSlow
        chunk = list(rows.filter(number__lt=chunk[-1].number)[:CHUNK])


def as_json_lines(rows: Iterable[Activity]) -> Iterator[str]:
    """Yield one line of JSON for each row, an object with the names in `COLUMNS`."""
    for row in rows:
        yield json.dumps(_columns(row), ensure_ascii=False) + "\n"


def as_csv(rows: Iterable[Activity]) -> Iterator[str]:
    """Yield the rows as CSV with every cell quoted, the names of the columns first. `before` and `after` are JSON."""
    yield csv_line(COLUMNS, quote_all=True)
    for row in rows:
        yield csv_line((_cell(value) for value in _columns(row).values()), quote_all=True)


def _columns(row: Activity) -> dict[str, Value]:
    """What members read of a row. Which operator acted only operators read."""
    text = row.kept_text or ActivityText()
    values: tuple[Value, ...] = (
        row.number,
        row.created_at.isoformat(),
        row.action,
        row.actor_kind,
        text.actor_name,
        client_address_of(row),
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


def _cell(value: Value) -> str:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False) if value else ""
    return str(value)
