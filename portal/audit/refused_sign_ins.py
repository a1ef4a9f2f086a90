"""Refused sign-ins: noted during the request, appended to the activity by the sweeper.

Anybody can cause them, with any address and as often as they like. Therefore the request only adds a row to a small
table, with the same statements whether or not an account has the address, and locks no chain. The sweeper appends one
row for each account and reason, and then no other one for an hour: the activity can't be pruned.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import structlog
from django.db import transaction
from django.db.models.functions import Now

from portal.audit.sign_ins import record_for_person
from portal.http.actors import ANONYMOUS_NAME
from portal.models import RefusedSignIn, User
from portal.models.user import canonical_email
from registries.foundation.activity import Target, Value, record
from registries.foundation.actor import Actor, ActorKind
from registries.foundation.ids import UserId
from registries.foundation.secret_shapes import redact

log = structlog.get_logger(__name__)

ACTION = "account.sign_in_refused"
DETAILS = {
    RefusedSignIn.Reason.PASSWORD: "",
    RefusedSignIn.Reason.SECOND_FACTOR: "wrong code of a second factor",
    RefusedSignIn.Reason.DEACTIVATED: "the account is deactivated",
    RefusedSignIn.Reason.ALTERED: "the account was changed outside the portal",
}
NO_ACCOUNT = "no such account"
WINDOW = timedelta(hours=1)
"""An account's refusals of one reason are appended once in this time."""
MAX_TYPED_ADDRESS = 80
"""Characters that are stored of an address without an account. People mistype: it may be a password."""
MAX_LISTED = 10
"""Client addresses and typed addresses that one row lists."""
BATCH = 5000
MAX_ROWS = 50_000
"""Refusals that wait to be appended. Above it the oldest ones are deleted, and the log says how many."""


class Kind(NamedTuple):
    """Which refusals are appended as one row. `person_id` is None for all addresses without an account."""

    person_id: UserId | None
    reason: str
    is_signed_in: bool


@dataclass
class Summary:
    """Refusals of one kind, counted. The addresses are in the order in which they were first seen."""

    first: RefusedSignIn
    last: RefusedSignIn
    times: int = 0
    client_addresses: dict[str, None] = field(default_factory=dict)
    typed_addresses: dict[str, None] = field(default_factory=dict)

    def add(self, rows: Iterable[RefusedSignIn]) -> None:
        """Count these rows, which are newer than those before."""
        for row in rows:
            self.times += 1
            self.last = row
            self.client_addresses[row.client_address] = None
            self.typed_addresses[row.typed_address] = None

    @property
    def detail(self) -> str:
        """What happened, in words: `37 times from 12 addresses until 14:05`. Empty for a single one; times are UTC."""
        if self.times == 1:
            return ""
        names = f" with {len(self.typed_addresses)} names" if len(self.typed_addresses) > 1 else ""
        clients = f" from {len(self.client_addresses)} addresses" if len(self.client_addresses) > 1 else ""
        return f"{self.times} times{names}{clients} until {self.last.created_at.astimezone(UTC):%H:%M}"

    @property
    def values(self) -> dict[str, Value]:
        """The number of refusals, when the first and the last one were, and some of the addresses where there are
        several."""
        values: dict[str, Value] = {
            "times": self.times,
            "first": _iso(self.first.created_at),
            "last": _iso(self.last.created_at),
        }
        if len(self.client_addresses) > 1:
            values["client_addresses"] = list(self.client_addresses)[:MAX_LISTED]
        if len(self.typed_addresses) > 1:
            values["typed_addresses"] = list(self.typed_addresses)[:MAX_LISTED]
        return values


def note(address: str, reason: RefusedSignIn.Reason, *, by: Actor) -> None:
    """Note a refused sign-in with this email address, to be appended by the next `sweep`."""
    person_id = User.objects.filter(email=canonical_email(address)).values_list("pk", flat=True).first()
    shown = redact(address)
    typed = shown if len(shown) <= MAX_TYPED_ADDRESS else shown[:MAX_TYPED_ADDRESS] + "…"
    RefusedSignIn.objects.create(
        person_id=person_id,
        reason=reason,
        is_signed_in=person_id is not None and by.person_id == person_id,
        typed_address="" if person_id is not None else typed,
        client_address=by.address,
        request_id=by.request_id,
    )


def sweep() -> dict[str, int]:
    """Append what was noted, except what follows other refusals of its kind within `WINDOW`. Returns how many refusals
    were appended."""
    RefusedSignIn.objects.filter(recorded_at__lt=Now() - WINDOW).delete()
    _delete_surplus()
    rows = RefusedSignIn.objects.values_list(*Kind._fields).distinct()
    due = set(rows.filter(recorded_at__isnull=True)) - set(rows.filter(recorded_at__isnull=False))
    return {"refused_sign_ins_recorded": sum(_append(Kind(*columns)) for columns in sorted(due, key=str))}


def _delete_surplus() -> None:
    waiting = RefusedSignIn.objects.filter(recorded_at__isnull=True).order_by("-pk")
    newest_surplus = waiting.values_list("pk", flat=True)[MAX_ROWS : MAX_ROWS + 1].first()
    if newest_surplus is not None:
        deleted, _ = RefusedSignIn.objects.filter(recorded_at__isnull=True, pk__lte=newest_surplus).delete()
        log.warning("refused_sign_ins_deleted", rows=deleted)


def _append(kind: Kind) -> int:
    """Append the noted refusals of one kind to all chains they belong to, or to none. Returns how many there were; 0 if
    another sweeper has appended them."""
    with transaction.atomic():
        rows = RefusedSignIn.objects.filter(**kind._asdict())
        noted = rows.filter(recorded_at__isnull=True).order_by("pk").select_for_update()
        batch = list(noted[:BATCH])
        if not batch or rows.filter(recorded_at__isnull=False).exists():
            return 0
        summary = Summary(first=batch[0], last=batch[0])
        while batch:
            summary.add(batch)
            rows.filter(pk__in=[row.pk for row in batch]).delete()
            batch = list(noted[:BATCH]) if len(batch) == BATCH else []
        RefusedSignIn.objects.create(**kind._asdict(), recorded_at=Now(), times=summary.times)
        _record(kind, summary)
    return summary.times


def _record(kind: Kind, summary: Summary) -> None:
    person = None if kind.person_id is None else User.objects.filter(pk=kind.person_id).first()
    by = _actor(person if kind.is_signed_in else None, summary)
    reason = DETAILS[RefusedSignIn.Reason(kind.reason)] if person is not None else NO_ACCOUNT
    detail = ", ".join(filter(None, (reason, summary.detail)))
    if person is not None:
        record_for_person(person, ACTION, by=by, detail=detail, after=summary.values)
        return
    typed = summary.last.typed_address if len(summary.typed_addresses) == 1 else ""
    record(by, ACTION, Target("person", "", typed), organization_id=None, detail=detail, after=summary.values)


def _actor(person: User | None, summary: Summary) -> Actor:
    """Whoever was refused: this person, who was signed in, or somebody who wasn't. The client's address and the request
    are named if there is only one."""
    return Actor(
        kind=ActorKind.ANONYMOUS if person is None else ActorKind.PERSON,
        id="" if person is None else str(person.pk),
        name=ANONYMOUS_NAME if person is None else person.email,
        address=summary.last.client_address if len(summary.client_addresses) == 1 else "",
        request_id=summary.last.request_id if summary.times == 1 else "",
    )


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
