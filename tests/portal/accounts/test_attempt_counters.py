"""Counters of attempts: atomic, bounded, and of no use to whoever writes to their table."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.management import call_command

from portal.accounts import attempt_counters
from portal.accounts.attempt_counters import Counter, Rate, TooManyAttempts, refund, spend, sweep
from portal.models import SignInLimit
from registries.foundation.clock import database_now
from tests.support.concurrency import at_once
from tests.support.database_clock import Clock, clock

__all__ = ["clock"]
THREE = Counter(SignInLimit.Kind.ACCOUNT, "a@b.example", Rate(free=3, first=1, bound=30, forget=60), "a@b.example")
OTHER = Counter(SignInLimit.Kind.ADDRESS, "192.0.2.1", Rate(free=5, first=1, bound=5, forget=60), "192.0.2.1")


def count(counter: Counter = THREE) -> int:
    return SignInLimit.objects.get(key=counter.key).count


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(0, 0), (2, 0), (3, 1), (4, 2), (5, 4), (7, 16), (8, 30), (9, 30), (2**31 - 1, 30)]
)
def test_how_long_the_next_one_waits(attempts: int, seconds: float) -> None:
    assert THREE.rate.delay(attempts) == seconds


@pytest.mark.django_db(transaction=True)
def test_attempts_at_the_same_time_are_not_more_than_the_limit() -> None:
    results = at_once(*[lambda: spend([OTHER, THREE])] * 12)
    assert sum(isinstance(result, attempt_counters.Spent) for result in results) == 3
    assert sum(isinstance(result, TooManyAttempts) for result in results) == 9
    assert (count(THREE), count(OTHER)) == (3, 3)


@pytest.mark.django_db(transaction=True)
def test_none_is_lost_if_some_are_given_back_at_the_same_time() -> None:
    many = replace(THREE, rate=replace(THREE.rate, free=100))

    def attempt(succeeds: bool) -> None:
        spent = spend([many, OTHER if succeeds else replace(OTHER, text="192.0.2.2")])
        if succeeds:
            refund(spent)

    results = at_once(*[lambda: attempt(True)] * 5, *[lambda: attempt(False)] * 5)
    assert results == [None] * 10
    assert (count(many), count(OTHER)) == (5, 0)


@pytest.mark.django_db
class TestSpending:
    def test_all_or_none(self, clock: Clock) -> None:
        for _ in range(3):
            spend([THREE])
        with pytest.raises(TooManyAttempts) as refused:
            spend([THREE, OTHER])
        assert refused.value.retry_after == 2
        assert not SignInLimit.objects.filter(key=OTHER.key).exists()

    def test_what_is_given_back_leaves_no_wait(self, clock: Clock) -> None:
        for _ in range(2):
            spend([THREE])
        clock.shift(10)
        refund(spend([THREE]))
        row = SignInLimit.objects.get()
        assert (row.count, row.last_at) == (2, clock.ago(10))

    def test_who_deletes_a_counter_in_between_harms_nothing(self, clock: Clock) -> None:
        spent = spend([THREE])
        SignInLimit.objects.all().delete()
        refund(spent)
        assert not SignInLimit.objects.exists()

    def test_kinds_are_counted_apart(self, clock: Clock) -> None:
        assert THREE.key != replace(THREE, kind=SignInLimit.Kind.RESET_TO).key


@pytest.mark.django_db
class TestWhoWritesToTheTable:
    def test_a_far_future_closes_nothing(self, clock: Clock) -> None:
        spend([THREE])
        far = clock.now + timedelta(days=4000)
        SignInLimit.objects.update(count=2**31 - 1, last_at=far, began_at=far, expires_at=far)
        spend([THREE])
        assert count() == 1

    def test_a_large_number_closes_it_for_the_longest_wait_only(self, clock: Clock) -> None:
        spend([THREE])
        SignInLimit.objects.update(count=2**31 - 1, expires_at=clock.now + timedelta(days=4000))
        clock.shift(29)
        with pytest.raises(TooManyAttempts) as refused:
            spend([THREE])
        assert refused.value.retry_after == 2
        clock.shift(1.1)
        SignInLimit.objects.update(count=2**31 - 2)
        spend([THREE])


@pytest.mark.django_db
class TestRoom:
    def test_what_has_expired_is_deleted_by_the_sweeper(self, clock: Clock) -> None:
        spend([THREE])
        clock.shift(59)
        assert sweep() == {"sign_in_limits_expired": 0}
        clock.shift(2)
        call_command("sweep")
        assert not SignInLimit.objects.exists()

    def test_a_flood_has_those_deleted_that_expire_first(self, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(attempt_counters, "MAX_ROWS", 20)
        monkeypatch.setattr(attempt_counters, "FREED", 5)
        long = replace(THREE, rate=replace(THREE.rate, forget=3600))
        for _ in range(3):
            spend([long])
        for number in range(100):
            spend([replace(OTHER, text=str(number))])
            assert SignInLimit.objects.count() <= 21
        with pytest.raises(TooManyAttempts):
            spend([long])

    def test_a_counter_that_is_tampered_with_is_not_kept_for_ever(self, clock: Clock) -> None:
        spend([THREE])
        assert SignInLimit.objects.get().expires_at == database_now() + timedelta(seconds=60)


@pytest.mark.django_db
def test_an_attempt_that_waited_for_another_one_needs_no_other_wait(clock: Clock) -> None:
    """On PostgreSQL its clock is that of its statement, which began before the other attempt was counted."""
    spend([THREE])
    SignInLimit.objects.update(last_at=clock.now + timedelta(milliseconds=5))
    spend([THREE])
    assert count() == 2
