"""Twenty slow pulls of one organization on two workers, and how soon another one's small pull starts.

The slow ones come at 2 kB/s, the small one from the same registry without a limit. The peer is the order of arrival:
stock RQ workers on the same Valkey, as many, that fetch the same layers at the same rate, and the same small request
behind them. Both queues run at the same time.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator

from tests.benchmarks.figures import Figure, Plan
from tests.faults.portal import Portal
from tests.faults.proxy import FaultProxy
from tests.support.fakes.registry import FakeRegistry
from tests.support.processes import until

WORKERS = 2
SLOW_PULLS = 20
RATE = 2000
"""Bytes per second."""
SLOW_SECONDS = 12
"""How long each slow layer takes at that rate. Longer ones change nothing for us, and everything for the peer."""
SMALL_PULLS = 3


def measure(plan: Plan) -> Iterator[Figure]:
    """Seconds from the entry of a small pull to its first request, the worst and the median of three in turn."""
    with (
        FakeRegistry() as registry,
        FaultProxy(registry.host) as slow,
        FaultProxy(registry.host) as fast,
        Portal(plan.folder / "portal") as portal,
    ):
        layers = [os.urandom(plan.bytes(RATE * SLOW_SECONDS)) for _ in range(SLOW_PULLS)]  # of which none is reused
        digests = [
            registry.push_image(f"team/slow-{number}", "1.0", layers=[layer]).layer_digests[0]
            for number, layer in enumerate(layers)
        ]
        registry.push_image("team/small", "1.0", layers=[b"small"])
        for digest in digests:
            slow.fault(digest, bytes_per_second=RATE)
        portal.start_redis()
        for _ in range(WORKERS):
            portal.start_worker()
        for slug in ("crowd", "guest"):
            portal.calls.organization(slug=slug)
        crowd = [_create(portal, slow, "crowd", f"team/slow-{number}", number)["image"] for number in range(SLOW_PULLS)]
        queued_at = _start_peer(portal, slow, fast, digests)
        waits = [_wait_for_one(portal, fast, crowd, number) for number in range(SMALL_PULLS)]
        peer = until(lambda: fast.requests_to("/v2/first-come"), 3 * SLOW_PULLS * SLOW_SECONDS)[0].at - queued_at
    against = "first come, first served: stock RQ workers"
    yield Figure("fair_shares_worst_wait", max(waits), "s", peer, against)
    yield Figure("fair_shares_median_wait", sorted(waits)[len(waits) // 2], "s", peer, against)


def _create(portal: Portal, proxy: FaultProxy, organization: str, repository: str, number: int) -> dict[str, str]:
    reference = f"{proxy.host}/{repository}:1.0"
    made: dict[str, str] = portal.calls.create(organization=organization, name=f"app-{number}", reference=reference)
    return made


def _wait_for_one(portal: Portal, fast: FaultProxy, crowd: list[str], number: int) -> float:
    """Wait until the crowd keeps every worker, then return the seconds until the other organization's pull asks its
    registry for the first time. Returns once that pull is over."""
    portal.until(lambda: _pulling(portal, crowd) == WORKERS)
    before = len(fast.requests_to("/team/small/"))
    began = time.monotonic()
    made = _create(portal, fast, "guest", "team/small", number)
    first = portal.until(lambda: fast.requests_to("/team/small/")[before:], 60)[0]
    portal.until(lambda: portal.calls.status(image=made["image"])["status"] == "ready")
    return float(first.at - began)


def _pulling(portal: Portal, images: list[str]) -> int:
    """How many of these pulls are in progress."""
    return sum(row["status"] == "pulling" for row in portal.calls.statuses(images=images).values())


def _start_peer(portal: Portal, slow: FaultProxy, fast: FaultProxy, digests: list[str]) -> float:
    """Queue twenty fetches of the slow layers and one small request for stock workers; return when."""
    from redis import Redis
    from rq import Queue

    command = [sys.executable, "-m", "rq.cli", "worker", "stock", "--url", f"unix://{portal.redis_socket}"]
    for number in range(WORKERS):
        portal.start(f"stock{number}", command)
    with Redis(unix_socket_path=portal.redis_socket) as connection:
        queue = Queue("stock", connection=connection)
        for number, digest in enumerate(digests):
            path = f"/v2/team/slow-{number}/blobs/{digest}"
            queue.enqueue("tests.benchmarks.touch.touch", slow.host, path, result_ttl=0)
        queue.enqueue("tests.benchmarks.touch.touch", fast.host, "/v2/first-come", result_ttl=0)
    return time.monotonic()
