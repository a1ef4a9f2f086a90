"""Real workers: an organization that would keep all of them for minutes, and one that comes later."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.portal import Portal
from tests.faults.proxy import FaultProxy
from tests.support.fakes.registry import FakeRegistry

MAX_WAIT = 10.0
"""Seconds until another organization's pull starts."""
TWO_KILOBYTES = 2000


@dataclass
class Shares:
    """A portal with the defaults of `up`, a slow and a fast way to one registry, and two organizations."""

    portal: Portal
    slow: FaultProxy
    fast: FaultProxy
    made: list[str] = field(default_factory=list)

    def pull(self, organization: str, proxy: FaultProxy, repository: str = "team/app") -> str:
        name = f"app-{len(self.made)}"
        made = self.portal.calls.create(
            organization=organization, name=name, reference=f"{proxy.host}/{repository}:1.0"
        )
        self.made.append(made["image"])
        return str(made["image"])

    def status(self, image: str) -> dict[str, object]:
        return self.portal.calls.statuses(images=[image])[image]  # type: ignore[no-any-return]

    def seconds_of_small_pull(self, limit: float) -> float:
        """How long a small pull of the other organization takes, its wait included."""
        began = time.monotonic()
        small = self.pull("umbrella", self.fast, "team/small")
        self.portal.until(lambda: self.status(small)["status"] == "ready", limit)
        return time.monotonic() - began

    def pulling(self, images: list[str]) -> int:
        return sum(row["status"] == "pulling" for row in self.portal.calls.statuses(images=images).values())


@pytest.fixture
def shares(template: Path, tmp_path: Path) -> Iterator[Shares]:
    with (
        FakeRegistry() as registry,
        FaultProxy(registry.host) as slow,
        FaultProxy(registry.host) as fast,
        Portal(tmp_path / "portal", template=template) as portal,
    ):
        registry.push_image("team/app", "1.0", layers=[os.urandom(400_000)])
        registry.push_image("team/small", "1.0", layers=[b"small"])
        slow.fault("/team/app/blobs/", bytes_per_second=TWO_KILOBYTES)
        portal.start_redis()
        for slug in ("acme", "umbrella"):
            portal.calls.organization(slug=slug)
        yield Shares(portal, slow, fast)


def test_twenty_slow_pulls_leave_a_worker_to_another_organization(shares: Shares) -> None:
    for _ in range(2):
        shares.portal.start_worker()
    crowd = [shares.pull("acme", shares.slow) for _ in range(20)]
    shares.portal.until(lambda: shares.pulling(crowd) == 2)

    for _ in range(2):
        assert shares.seconds_of_small_pull(MAX_WAIT) < MAX_WAIT
        shares.portal.until(lambda: shares.pulling(crowd) == 2)  # no worker stays idle

    rows = shares.portal.calls.statuses(images=crowd)
    assert {row["retry_code"] for row in rows.values()} == {""}, "making room is not a failed attempt"


def test_an_only_worker_is_lent_in_slices(shares: Shares) -> None:
    """A slice takes a minute, in which nothing else happens."""
    shares.portal.start_worker()
    crowd = [shares.pull("acme", shares.slow) for _ in range(3)]
    shares.portal.until(lambda: shares.pulling(crowd) == 1)

    assert shares.seconds_of_small_pull(60 + MAX_WAIT) > 40
