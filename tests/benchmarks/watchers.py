"""1,000 people who watch pages that nothing happens on, each with a session of their own, asking every three seconds.

They watch 200 groups that wait for nodes (the busiest state that can last), then the lists of them. What is told is how
many cores that takes, of the web process alone, and of web and database together. The peer is the same server's
`/livez` asked as often, which touches no database: what HTTP and framework cost by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks import load
from tests.benchmarks.figures import Figure, Plan
from tests.benchmarks.fleet import Fleet

PEOPLE, GROUPS, EVERY_SECONDS, ROUNDS = 1000, 200, 3, 3
EMPTY = "the same server's /livez, asked as often"
NOTHING_NEW = 304


def measure(plan: Plan) -> Iterator[Figure]:
    """Cores."""
    people, groups = max(int(PEOPLE * plan.scale), 10), max(int(GROUPS * plan.scale), 2)
    rate = people / EVERY_SECONDS
    with Fleet(plan.folder / "portal") as fleet:
        watched = fleet.hands("watch", people=people, groups=groups)
        livez = [load.get(fleet.host, "/livez", "-")] * people

        def cores(requests: list[bytes], status: int) -> tuple[float, float]:
            """The least of all runs, of the web alone and with the database."""
            load.as_fast_as_answered(fleet.host, requests, 12).check(status)  # all connections and caches are warm
            web, both = [], []
            for _ in range(plan.runs):
                spent, stored = fleet.web_cpu(), fleet.database_cpu()
                took = load.at_a_rate(fleet.host, requests * ROUNDS, rate, 64)
                took.check(status)
                spent, stored = fleet.web_cpu() - spent, fleet.database_cpu() - stored
                web.append(spent / took.wall)
                both.append((spent + stored) / took.wall)
            return min(web), min(both)

        empty, _ = cores(livez, 200)
        for page, requests in watched.items():
            asks = [load.watch(fleet.host, path, cookie, mark) for cookie, path, mark in requests]
            web, both = cores(asks, NOTHING_NEW)
            yield Figure(f"watchers_of_{page}_{PEOPLE}", web, "cores", empty, EMPTY)
            yield Figure(f"watchers_of_{page}_{PEOPLE}_with_database", both, "cores", empty, EMPTY)
