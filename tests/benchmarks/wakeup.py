"""From entering a group to the worker's first request at the registry: a commit, a job, a fork, a claim.

A real worker waits on a real Valkey. The peer is the same way with a stock RQ worker whose job does nothing but open
a connection to the same place: what forking a work-horse for a job costs by itself.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from statistics import median

from tests.benchmarks.figures import Figure, Plan
from tests.faults.portal import Portal
from tests.faults.proxy import FaultProxy
from tests.support.fakes.registry import FakeRegistry
from tests.support.processes import until

USER, SECRET = "bench", "bench-secret"
PULLS = 15


def measure(plan: Plan) -> Iterator[Figure]:
    """Milliseconds, median and worst."""
    ours, stock = [], []
    with (
        FakeRegistry(auth="basic", users={USER: SECRET}) as registry,
        FaultProxy(registry.host) as proxy,
        Portal(plan.folder / "portal") as portal,
    ):
        registry.push_image("team/app", "1.0")
        portal.start_redis()
        portal.start_worker()
        portal.start(
            "stock", [sys.executable, "-m", "rq.cli", "worker", "stock", "--url", f"unix://{portal.redis_socket}"]
        )
        portal.calls.organization(slug="acme")
        for number in range(PULLS + 1):
            one = _ours(portal, proxy, number)
            other = _stock(portal, proxy)
            if number:  # the first one finds cold caches and a worker that is still starting
                ours.append(one * 1000)
                stock.append(other * 1000)
    yield Figure("wakeup_median", median(ours), "ms", median(stock), "a stock RQ worker's empty job")
    yield Figure("wakeup_worst", max(ours), "ms", max(stock), "a stock RQ worker's empty job")


def _ours(portal: Portal, proxy: FaultProxy, number: int) -> float:
    reference = f"{proxy.host}/team/app:1.0"
    proxy.requests.clear()
    made = portal.calls.create(
        organization="acme", name=f"app-{number}", reference=reference, username=USER, password=SECRET
    )
    first = portal.until(lambda: proxy.requests)[0]
    portal.until(lambda: portal.calls.status(image=made["image"])["status"] == "ready")
    time.sleep(0.05)  # the work-horse ends and its worker waits again
    return float(first.at - made["began"])


def _stock(portal: Portal, proxy: FaultProxy) -> float:
    from redis import Redis
    from rq import Queue

    proxy.requests.clear()
    with Redis(unix_socket_path=portal.redis_socket) as connection:
        queue = Queue("stock", connection=connection)
        began = time.monotonic()
        queue.enqueue("tests.benchmarks.touch.touch", proxy.host, result_ttl=0)
        first = until(lambda: proxy.requests, 30)[0]
    time.sleep(0.05)
    return float(first.at - began)
