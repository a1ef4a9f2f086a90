"""Counters of attempts in the database, which all web processes share and which survive a restart.

An attempt is counted before it is made, in one transaction that locks its counters, and given back if it succeeds. So
attempts at the same time are never more than the limit. What is refused is not counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog
from django.db import transaction
from django.db.models.functions import Now

from portal.models import SignInLimit
from registries.foundation.refusal import Refusal
from registries.foundation.secret_shapes import redact
from registries.secrets import one_time
from registries.secrets.one_time import Purpose

MAX_ROWS = 50_000
"""Above it, the counters that expire first are deleted. To have one deleted, a stranger needs as many attempts that are
counted, each from another address or for another account."""
FREED = 1000
MAX_SHOWN = 120
CLOCK_SLACK = timedelta(seconds=60)

log = structlog.get_logger(__name__)


class TooManyAttempts(Refusal):
    """An attempt was not made: its limit was reached. `retry_after` says when it may be made."""

    code = "too_many_attempts"
    title = "Too many failed sign-ins"
    status = 429


@dataclass(frozen=True)
class Rate:
    """How attempts are slowed down. After `free` ones each has to wait, first `first` seconds, then twice as long each
    time, up to `bound`. All is forgotten `forget` seconds after the last one; `from_first`: after the first one."""

    free: int
    first: float
    bound: float
    forget: float
    from_first: bool = False

    def delay(self, count: int) -> float:
        """Return how many seconds the next attempt has to wait after the last of `count`."""
        return 0.0 if count < self.free else min(self.first * 2 ** min(count - self.free, 30), self.bound)


@dataclass(frozen=True)
class Counter:
    """What is counted: attempts with the same `text` of one kind. `shown` is for operators. With `alarm`, it refuses
    nothing; after that many attempts the other ones of the same call have one free attempt only."""

    kind: SignInLimit.Kind
    text: str
    rate: Rate
    shown: str
    alarm: int = 0

    @property
    def key(self) -> str:
        """The column `key` of its row. Raises `keyring.KeyUnavailable`."""
        return one_time.digest_of(self.text, Purpose.SIGN_IN_LIMIT, self.kind)


@dataclass(frozen=True)
class Spent:
    """An attempt that was counted at `at`. `before` has, by row, when its last attempt before was and when it would
    have expired."""

    at: datetime
    before: dict[int, tuple[datetime, datetime]] = field(default_factory=dict)

    @classmethod
    def nothing(cls) -> Spent:
        """Return an attempt that was not counted."""
        return cls(datetime.min.replace(tzinfo=UTC))


def spend(counters: Sequence[Counter], *, title: str = "", message: str = "") -> Spent:
    """Count an attempt on all these counters, or on none: raises TooManyAttempts if one of them has to wait. `message`
    says what was refused, instead of failed sign-ins."""
    if not counters:
        return Spent.nothing()
    _make_room()
    by_key = {counter.key: counter for counter in counters}
    with transaction.atomic():
        rows, now = _locked_rows(by_key)
        counts = {row.pk: _count_of(row, by_key[row.key].rate, now) for row in rows}
        is_alarmed = any(0 < by_key[row.key].alarm <= counts[row.pk] for row in rows)
        waits = {row.pk: _wait_of(row, by_key[row.key], counts[row.pk], now, is_alarmed) for row in rows}
        seconds = max(waits.values())
        if seconds > 0:
            kinds = sorted(row.kind for row in rows if waits[row.pk] > 0)
            log.info("attempt_slowed_down", limits=kinds, seconds=round(seconds))
            raise _refusal(now, seconds, title, message)
        spent = Spent(now, {row.pk: (row.last_at, row.expires_at) for row in rows})
        for row in rows:
            rate = by_key[row.key].rate
            row.began_at = now if not counts[row.pk] else row.began_at
            row.count, row.last_at = counts[row.pk] + 1, now
            row.expires_at = (row.began_at if rate.from_first else now) + timedelta(seconds=rate.forget)
        SignInLimit.objects.bulk_update(rows, ["count", "began_at", "last_at", "expires_at"])
    return spent


def refund(spent: Spent) -> None:
    """Give back an attempt that succeeded, as if it had not been made."""
    with transaction.atomic():
        for row in SignInLimit.objects.filter(pk__in=spent.before).select_for_update(no_key=True).order_by("pk"):
            row.count = max(row.count - 1, 0)
            if row.last_at == spent.at:
                row.last_at, row.expires_at = spent.before[row.pk]
            row.save(update_fields=["count", "last_at", "expires_at"])


def slowed_until(row: SignInLimit, rate: Rate) -> datetime:
    """Return when the next attempt may be made, by a counter alone."""
    return row.last_at + timedelta(seconds=rate.delay(row.count))


def shown_as(text: str) -> str:
    """Return a text as operators see it: people mistype, and type a password where an address belongs."""
    shown = redact(text)
    return shown if len(shown) <= MAX_SHOWN else shown[:MAX_SHOWN] + "…"


def sweep() -> dict[str, int]:
    """Delete counters that have expired; return how many there were."""
    return {"sign_in_limits_expired": SignInLimit.objects.filter(expires_at__lt=Now()).delete()[0]}


def _locked_rows(counters: Mapping[str, Counter]) -> tuple[list[SignInLimit], datetime]:
    """The rows of these counters by their keys, created where they are missing, and the time."""
    keys = sorted(counters)  # two attempts at once wait for each other in the same order
    while True:
        SignInLimit.objects.bulk_create(
            [SignInLimit(kind=counters[key].kind, key=key, shown=shown_as(counters[key].shown)) for key in keys],
            ignore_conflicts=True,
        )
        locked = SignInLimit.objects.filter(key__in=keys).select_for_update(no_key=True)
        found = [(row, row.now) for row in locked.annotate(now=Now()).order_by("pk")]
        if len(found) == len(keys):  # else one was deleted since
            return [row for row, _ in found], max(now for _, now in found)


def _count_of(row: SignInLimit, rate: Rate, now: datetime) -> int:
    """How many attempts count now. A row that says what the portal doesn't write, such as an attempt in the future,
    counts none: whoever writes to the table closes nothing for longer than `rate.bound`."""
    since = row.began_at if rate.from_first else row.last_at
    if row.last_at > now + CLOCK_SLACK or since + timedelta(seconds=rate.forget) <= now:
        return 0
    return row.count


def _wait_of(row: SignInLimit, counter: Counter, count: int, now: datetime, is_alarmed: bool) -> float:
    """How many seconds are left until the counter allows another attempt."""
    if counter.alarm or not count:
        return 0.0
    rate = counter.rate
    if is_alarmed and rate.free > 1:
        count += rate.free - 1
    delay = rate.delay(count)
    # Who waited for the lock has an earlier `now` than the last attempt: no wait comes of that alone.
    return (row.last_at - now).total_seconds() + delay if delay else 0.0


def _refusal(now: datetime, seconds: float, title: str, message: str) -> TooManyAttempts:
    whole = int(seconds) + 1
    until = (now + timedelta(seconds=whole)).astimezone(UTC)
    text = f"{message or 'Too many failed sign-ins.'} Try again at {until:%H:%M:%S} UTC."
    refusal = TooManyAttempts(text, retry_after=whole)
    if title:
        refusal.title = title
    return refusal


def _make_room() -> None:
    """Delete counters if there are too many: those that expire first."""
    if SignInLimit.objects.count() <= MAX_ROWS:
        return
    with transaction.atomic():
        first = (
            SignInLimit.objects.select_for_update(skip_locked=True)
            .order_by("expires_at", "pk")
            .values_list("pk", flat=True)[:FREED]
        )
        SignInLimit.objects.filter(pk__in=list(first)).delete()
    log.warning("sign_in_limits_full", rows=MAX_ROWS)
