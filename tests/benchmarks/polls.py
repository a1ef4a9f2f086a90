"""Polls of 1,000 nodes, each with a running instance, on PostgreSQL and the web process as they are deployed.

Answered per second of one core's time: of the web process alone, and of web and database together. Then how long an
answer takes at 200 polls a second. The load comes from this machine too. The peer is the same server's `/livez`,
which touches no database: what HTTP and framework cost by themselves.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tests.benchmarks import load
from tests.benchmarks.figures import Figure, Plan
from tests.benchmarks.fleet import Fleet

NODES, RATE, SECONDS = 1000, 200, 10
EMPTY = "the same server's /livez"


def measure(plan: Plan) -> Iterator[Figure]:
    """Polls a second and core, milliseconds."""
    count = max(int(NODES * plan.scale), 20)
    with Fleet(plan.folder / "portal") as fleet:
        nodes = fleet.join(count)
        fleet.hands("group", name="held", sizes=[1000], replicas=count)
        held = fleet.hands("run", name="held")
        livez = [load.get(fleet.host, "/livez", "-")] * 3000

        def polls(number: int) -> list[bytes]:
            return [
                load.poll(fleet.host, node, fleet.keys[node], [{"id": held[node], "state": "running", "progress": 0}])
                for node in itertools.islice(itertools.cycle(nodes), number)
            ]

        load.as_fast_as_answered(fleet.host, polls(2 * count), 12).check()  # all connections and caches are warm
        web, both, wall = [], [], []
        for _ in range(plan.runs):
            spent, stored = fleet.web_cpu(), fleet.database_cpu()
            took = load.as_fast_as_answered(fleet.host, polls(int(2000 * plan.scale) + 100), 12)
            took.check()
            spent, stored = fleet.web_cpu() - spent, fleet.database_cpu() - stored
            done = len(took.seconds)
            web.append(done / spent)
            both.append(done / (spent + stored))
            wall.append(done / took.wall)
        spent = fleet.web_cpu()
        load.as_fast_as_answered(fleet.host, livez, 12).check()
        empty = len(livez) / (fleet.web_cpu() - spent)
        yield Figure("polls_per_web_core", max(web), "1/s", empty, EMPTY)
        yield Figure("polls_per_core_with_database", max(both), "1/s", empty, EMPTY)
        yield Figure("polls_per_second_one_web_process", max(wall), "1/s")
        paced = load.at_a_rate(fleet.host, polls(RATE * SECONDS), RATE, 64)
        paced.check()
        idle = load.at_a_rate(fleet.host, livez[: RATE * SECONDS], RATE, 64)
        for name, part in (("p50", 0.5), ("p99", 0.99)):
            value, peer = paced.percentile(part) * 1000, idle.percentile(part) * 1000
            yield Figure(f"poll_{name}_at_{RATE}_a_second", value, "ms", peer, EMPTY)
