"""One-time tokens redeemed for sessions, on PostgreSQL and the web process as deployed: each is one conditional UPDATE
and a line in the ledger, committed before it is answered. The peer is the same server's `/livez`."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from tests.benchmarks import load
from tests.benchmarks.figures import Figure, Plan
from tests.benchmarks.fleet import Fleet
from tests.benchmarks.polls import EMPTY

TOKENS = 1000


def measure(plan: Plan) -> Iterator[Figure]:
    """Redemptions a second, milliseconds."""
    count = max(int(TOKENS * plan.scale), 20)
    with Fleet(plan.folder / "portal") as fleet:
        fleet.join(count)
        fleet.hands("group", name="held", sizes=[1000], replicas=count)
        fleet.hands("run", name="held")
        livez = [load.get(fleet.host, "/livez", "-")] * count
        per_second, per_core, worst, empty = [], [], [], []
        for _ in range(plan.runs):
            requests = [
                load.get(fleet.host, "/v2/token", "Basic " + base64.b64encode(f"{node}:{secret}".encode()).decode())
                for node, secret in fleet.hands("tokens", name="held")
            ]
            spent = fleet.web_cpu()
            took = load.as_fast_as_answered(fleet.host, requests, 12)
            took.check()
            per_core.append(count / (fleet.web_cpu() - spent))
            per_second.append(count / took.wall)
            worst.append(took.percentile(0.99) * 1000)
            empty.append(count / load.as_fast_as_answered(fleet.host, livez, 12).wall)
        yield Figure("redemptions_per_second", max(per_second), "1/s", max(empty), EMPTY)
        yield Figure("redemptions_per_web_core", max(per_core), "1/s")
        yield Figure("redemption_p99", min(worst), "ms")
