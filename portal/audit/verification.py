"""Verifying the chains of the activity: finds every row that was changed, removed, added or reordered.

Everything is read from one snapshot of the database, so that actions that go on at the same time are no deviations.
Rows are read in chunks, in constant memory. The row after a broken one is checked against the hash that the broken one
contains, so that one changed row is one finding. A row, or a table, that can't even be read is a finding, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from django.db import DatabaseError, connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from portal.audit.chain import PORTAL_CHAIN, chain_of, digest_of, hash_of
from portal.audit.erasure import ERASED
from portal.audit.triggers import not_in_force, not_ours
from portal.models import Activity, ActivityHead, ActivityText
from registries.foundation.ids import OrganizationId

T = TypeVar("T")

CHUNK = 1000
MAX_KEY = 2**63 - 1
UNREADABLE = (ArithmeticError, AttributeError, DatabaseError, RecursionError, TypeError, ValueError)
"""What reading or hashing a row raises where a column holds something that was never written there."""


@dataclass(frozen=True)
class Head:
    """The newest row of a chain. Kept elsewhere, it proves later that the chain still contains that row."""

    chain: str
    number: int
    hash: str


@dataclass(frozen=True)
class Finding:
    """One deviation. `number` is the row's, 0 for the chain as a whole; `chain` is empty for the database."""

    chain: str
    number: int
    text: str


class UnknownChain(ValueError):
    """No chain has this name: they are called `portal`, or by the key of an organization."""


@contextmanager
def snapshot() -> Iterator[None]:
    """Read one state of the database until the block ends. Writers go on in the meantime."""
    if connection.in_atomic_block:  # whoever began the transaction decides what it sees
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")  # Django's own would lock out every writer
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")


def heads() -> list[Head]:
    """Return the heads of all chains."""
    rows = ActivityHead.objects.order_by("chain").values_list("chain", "number", "hash")
    return [Head(*row) for row in rows]


def verify(kept: Iterable[Head] = ()) -> Iterator[Finding]:
    """Yield each deviation; call it inside `snapshot`. `kept` are heads of an earlier run: their rows must exist."""
    for name in sorted(not_in_force()):
        yield Finding("", 0, f"the database does not refuse changes: trigger {name} is missing or was changed")
    for name in sorted(not_ours()):
        yield Finding("", 0, f"the database may drop or change what is appended, because of {name}")
    ends = _attempt(lambda: {head.chain: head for head in heads()})
    if ends is None:
        ends = {}
        yield Finding("", 0, "the heads can't be read")
    chains = _attempt(_chains_of_rows)
    if chains is None:
        chains = set()
        yield Finding("", 0, "the rows can't be read")
    for chain in sorted(chains | set(ends)):
        yield from _or_unreadable(_verify_chain(chain, ends.get(chain)), Finding(chain, 0, "the chain can't be read"))
    for head in kept:
        gone = Finding(head.chain, head.number, "the row that an earlier head names is not there")
        yield from _or_unreadable(_verify_kept(head, gone), gone)
    yield from _or_unreadable(_verify_texts(), Finding("", 0, "the texts can't be read"))


def organization_of(chain: str) -> OrganizationId | None:
    """Return the organization's key of a chain's name, None for the portal's. Raises UnknownChain."""
    if chain == PORTAL_CHAIN:
        return None
    key = OrganizationId(int(chain)) if chain.isascii() and chain.isdecimal() else None
    if key is None or chain_of(key) != chain or key > MAX_KEY:
        raise UnknownChain(chain)
    return key


def _or_unreadable(findings: Iterable[Finding], otherwise: Finding) -> Iterator[Finding]:
    """Yield these findings, and the other one if reading fails, as where a table or a column is gone."""
    try:
        with _savepoint():
            yield from findings
    except UNREADABLE:
        yield otherwise


@contextmanager
def _savepoint() -> Iterator[None]:
    """Let the transaction go on after an error. SQLite's does so by itself."""
    if connection.vendor == "postgresql":
        with transaction.atomic():
            yield
    else:
        yield


def _attempt(read: Callable[[], T]) -> T | None:
    """Return what this reads, or None if it can't be read."""
    try:
        with _savepoint():
            return read()
    except UNREADABLE:
        return None


def _chains_of_rows() -> set[str]:
    keys = Activity.objects.order_by().values_list("organization", flat=True).distinct()
    return {PORTAL_CHAIN if key is None else str(key) for key in keys}


def _verify_kept(head: Head, gone: Finding) -> Iterator[Finding]:
    rows = Activity.objects.filter(organization=organization_of(head.chain), number=head.number)
    if head.number and list(rows.values_list("hash", flat=True)) != [head.hash]:
        yield gone


def _verify_texts() -> Iterator[Finding]:
    without_row = ActivityText.objects.filter(~Exists(Activity.objects.filter(pk=OuterRef("pk"))))
    for key in without_row.values_list("pk", flat=True).iterator():
        yield Finding("", 0, f"the text {key} belongs to no row")


def _verify_chain(chain: str, head: Head | None) -> Iterator[Finding]:
    try:
        organization_id = organization_of(chain)
    except UnknownChain:
        yield Finding(chain, 0, "no chain has this name")
        return
    rows = Activity.objects.filter(organization=organization_id).order_by("number", "pk")
    erased = _erased(rows)
    number, previous = 0, ""
    for row in _read(rows):
        if row is None:
            yield Finding(chain, number + 1, "the row can't be read")
            number, previous = number + 1, ""
            continue
        if row.number != number + 1:
            missing = f"{number + 1}" if row.number == number + 2 else f"{number + 1} to {row.number - 1}"
            yield Finding(chain, row.number, f"row {missing} is missing" if row.number > number else "a row was added")
        elif row.previous != previous and previous:
            yield Finding(chain, row.number, "the row does not follow the one before it")
        elif row.previous and number == 0:
            yield Finding(chain, row.number, "the first row names a row before it")
        if not _is_as_written(row):
            yield Finding(chain, row.number, "the row was changed")
        yield from _verify_text(chain, row, erased)
        number, previous = row.number, row.hash
    if head is None:
        yield Finding(chain, number, "the chain has no head")
    elif (head.number, head.hash) != (number, previous):
        yield Finding(chain, number, f"the chain ends at row {number}, its head says {head.number}")


def _read(rows: QuerySet[Activity]) -> Iterator[Activity | None]:
    """Yield the rows with their texts in order, and None for one that can't be read."""
    keys = rows.values_list("pk", flat=True).iterator(chunk_size=CHUNK)
    while chunk := list(islice(keys, CHUNK)):
        try:
            yield from _read_chunk(rows, chunk)
        except UNREADABLE:
            for key in chunk:
                try:
                    yield from _read_chunk(rows, [key])
                except UNREADABLE:
                    yield None


def _read_chunk(rows: QuerySet[Activity], keys: Sequence[int]) -> list[Activity]:
    with _savepoint():
        found = list(rows.select_related("text").filter(pk__in=keys))
    if not all(isinstance(row.number, int) for row in found):
        raise TypeError("a number of another type")  # SQLite stores what it is given
    return found


def _erased(rows: QuerySet[Activity]) -> dict[str, int]:
    """The numbers of the rows whose text an erasure names, with the number of that erasure."""
    erasures = _read(rows.filter(action=ERASED, target_kind="activity"))
    return {row.target_key: row.number for row in erasures if row is not None}


def _is_as_written(row: Activity) -> bool:
    try:
        return hash_of(row) == row.hash
    except UNREADABLE:
        return False


def _verify_text(chain: str, row: Activity, erased: dict[str, int]) -> Iterator[Finding]:
    text = row.kept_text
    is_erased = erased.get(str(row.number), 0) > row.number
    if text is None:
        if not is_erased:
            yield Finding(chain, row.number, "the text was removed, and no erasure is recorded")
    elif is_erased:
        yield Finding(chain, row.number, "the text was erased, and is there again")
    elif not _has_digest(text, row.digest):
        yield Finding(chain, row.number, "the text was changed")


def _has_digest(text: ActivityText, digest: str) -> bool:
    try:
        return digest_of(text) == digest
    except UNREADABLE:
        return False
