"""How fast layers have to arrive. The figures are written down here."""

from __future__ import annotations

import pytest

from groups.ingest import pace
from groups.ingest.claim import MAX_ATTEMPT_SECONDS
from groups.ingest.pace import Pace, min_rate
from registries.failures import RegistryUnreachable, Service, describe

HOST = "registry.example.com"
MB, GB = 10**6, 10**9


@pytest.mark.parametrize(
    ("image_bytes", "rate"),
    [
        (0, 64_000),
        (1, 64_000),
        (100 * MB, 64_000),
        (224 * MB, 64_000),
        (350 * MB, 100_000),
        (GB, 285_714),
        (10 * GB, 2_857_142),
    ],
)
def test_the_larger_the_image_the_faster(image_bytes: int, rate: int) -> None:
    assert int(min_rate(image_bytes)) == rate


@pytest.mark.parametrize("image_bytes", [1, MB, 224 * MB, 225 * MB, GB, 10 * GB, 10**13])
def test_a_pull_at_its_lowest_rate_ends_within_its_attempt(image_bytes: int) -> None:
    assert image_bytes / min_rate(image_bytes) + pace.GRACE_SECONDS < MAX_ATTEMPT_SECONDS


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("groups.ingest.pace.time", clock)
    return clock


def ends_after(clock: Clock, image_bytes: int, rate: float, *, waiting: float = 1.0, limit: int = 3600) -> int | None:
    """The second at which a registry of this rate is given up; None if the image arrives or the attempt is over.
    `waiting` is the share of the time that is spent waiting for the registry."""
    pace = Pace(image_bytes, HOST)
    for second in range(1, limit):
        clock.now += 1
        if rate * second >= image_bytes:
            return None
        try:
            pace.check(int(rate * second), waiting * second)
        except RegistryUnreachable:
            return second
    return None


@pytest.mark.parametrize(
    ("image_bytes", "rate", "ended"),
    [
        (10 * MB, 2000, 62),  # two kilobytes a second: without hope after a minute
        (10 * GB, 2000, 61),
        (100 * MB, 60_000, 961),
        (100 * MB, 65_000, None),
        (GB, 65_000, 78),  # what does for a small image doesn't for a large one
        (10 * GB, 2_000_000, 201),
        (10 * GB, 2_900_000, None),
        (MB, 1, 61),
        (MB, 0, 61),
        (30_000, 500, None),  # it is here before its grace ends
    ],
)
def test_a_registry_that_falls_behind_is_given_up(
    clock: Clock, image_bytes: int, rate: float, ended: int | None
) -> None:
    assert ends_after(clock, image_bytes, rate) == ended


def test_a_slow_store_is_not_the_registrys_fault(clock: Clock) -> None:
    assert ends_after(clock, GB, 1000, waiting=0.4) is None


def test_a_pause_of_a_minute_is_forgiven(clock: Clock) -> None:
    pace = Pace(100 * MB, HOST)
    clock.now += 59
    pace.check(0, 59)
    clock.now += 1
    pace.check(1, 60)


def test_the_failure_names_both_figures() -> None:
    pace = Pace(10 * GB, HOST)
    pace._began -= 100
    with pytest.raises(RegistryUnreachable) as slow:
        pace.check(0, 100)
    words = describe("registry_unreachable", slow.value.params)
    assert words.title == "The registry sends too slowly"
    assert f"The registry {HOST} sends slower than 2.86 MB per second, the least for an image of 10 GB." in words.text
    assert slow.value.retryable


def test_the_failure_names_the_storage_that_sends() -> None:
    """harbor#20588: layers come from another host than the registry's."""
    pace = Pace(10 * GB, HOST)
    pace._began -= 100
    with pytest.raises(RegistryUnreachable) as slow:
        pace.check(0, 100, {"host": HOST, "service": Service.STORAGE, "met": "minio.example.net:9000"})
    words = slow.value.words
    assert words.title == "The registry's storage sends too slowly"
    assert f"The storage minio.example.net:9000 of the registry {HOST} sends slower" in words.text
