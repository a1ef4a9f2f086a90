"""Verifying the chains of the activity: finds every row that was changed, removed, added or reordered.

Rows are read in chunks, in constant memory. The row after a broken one is checked against the hash that the broken one
contains, so that one changed row is one finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db import connection

from portal.audit.chain import chain_of, digest_of, hash_of
from portal.audit.erasure import ERASED
from portal.models import Activity, ActivityHead, ActivityText

CHUNK = 1000
TRIGGERS = {
    "sqlite": {
        "activity_no_update",
        "activity_no_delete",
        "activity_text_no_update",
        "activity_head_no_delete",
        "activity_head_only_forward",
    },
    "postgresql": {
        "activity_no_change",
        "activity_no_truncate",
        "activity_text_no_update",
        "activity_text_no_truncate",
        "activity_head_no_delete",
        "activity_head_no_truncate",
        "activity_head_only_forward",
    },
}
"""The triggers of migration 0012, with which the database refuses changes."""


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


def heads() -> list[Head]:
    """Return the heads of all chains."""
    rows = ActivityHead.objects.order_by("chain").values_list("chain", "number", "hash")
    return [Head(*row) for row in rows]


def verify(kept: Iterable[Head] = ()) -> Iterator[Finding]:
    """Yield each deviation. `kept` are heads of an earlier run: their rows must still exist."""
    for name in sorted(_missing_triggers()):
        yield Finding("", 0, f"the database does not refuse changes: trigger {name} is missing")
    ends = {head.chain: head for head in heads()}
    chains = {chain_of(key) for key in Activity.objects.order_by().values_list("organization", flat=True).distinct()}
    for chain in sorted(chains | set(ends)):
        yield from _verify_chain(chain, ends.get(chain))
    for head in kept:
        rows = Activity.objects.filter(organization=_organization_of(head.chain), number=head.number)
        if head.number and list(rows.values_list("hash", flat=True)) != [head.hash]:
            yield Finding(head.chain, head.number, "the row that an earlier head names is not there")
    for key in ActivityText.objects.exclude(pk__in=Activity.objects.values("pk")).values_list("pk", flat=True):
        yield Finding("", 0, f"the text {key} belongs to no row")


def _verify_chain(chain: str, head: Head | None) -> Iterator[Finding]:
    organization_id = _organization_of(chain)
    rows = Activity.objects.filter(organization=organization_id).order_by("number", "pk")
    erased = set(rows.filter(action=ERASED).values_list("target_key", flat=True))
    number, previous = 0, ""
    for row in rows.select_related("text").iterator(chunk_size=CHUNK):
        if row.number != number + 1:
            missing = f"{number + 1}" if row.number == number + 2 else f"{number + 1} to {row.number - 1}"
            yield Finding(chain, row.number, f"row {missing} is missing" if row.number > number else "a row was added")
        elif row.previous != previous:
            yield Finding(chain, row.number, "the row does not follow the one before it")
        if hash_of(row) != row.hash:
            yield Finding(chain, row.number, "the row was changed")
        yield from _verify_text(chain, row, erased)
        number, previous = row.number, row.hash
    if head is None:
        yield Finding(chain, number, "the chain has no head")
    elif (head.number, head.hash) != (number, previous):
        yield Finding(chain, head.number, f"the chain ends at row {number}, its head says {head.number}")


def _verify_text(chain: str, row: Activity, erased: set[str]) -> Iterator[Finding]:
    text: ActivityText | None = getattr(row, "text", None)
    if text is None:
        if str(row.pk) not in erased:
            yield Finding(chain, row.number, "the text was removed, and no erasure is recorded")
    elif str(row.pk) in erased:
        yield Finding(chain, row.number, "the text was erased, and is there again")
    elif digest_of(text) != row.digest:
        yield Finding(chain, row.number, "the text was changed")


def _organization_of(chain: str) -> int | None:
    return int(chain) if chain.isdecimal() else None


def _missing_triggers() -> set[str]:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'")
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        return TRIGGERS[connection.vendor] - {row[0] for row in cursor.fetchall()}
