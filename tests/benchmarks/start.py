"""The start of a group of 500 replicas: from the action's commit until the last of 500 nodes holds its token.

Everything is real: PostgreSQL, the web process, Valkey, two workers that wrap the keys of an image of eight layers for
each node, and 500 nodes that poll every 3 s. They have joined before; nothing of the image has been made for any of
them.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Iterator
from typing import Any

from tests.benchmarks import load
from tests.benchmarks.figures import Figure, Plan
from tests.benchmarks.fleet import Fleet

REPLICAS, INTERVAL, LAYERS = 500, 3.0, 8
PATIENCE = 180


def measure(plan: Plan) -> Iterator[Figure]:
    """Seconds."""
    replicas = max(int(REPLICAS * plan.scale), 4)
    with Fleet(plan.folder / "portal", workers=2) as fleet:
        nodes = fleet.join(replicas)
        fleet.hands("group", name="large", sizes=[1000] * LAYERS, replicas=replicas)
        when = asyncio.run(_start(fleet, nodes))
    yield Figure("start_until_half_hold_a_token", when[replicas // 2], "s")
    yield Figure("start_until_the_last_holds_its_token", when[-1], "s")


async def _start(fleet: Fleet, nodes: list[str]) -> list[float]:
    """Let all nodes poll for a while, start the group, and return when each got its token, in order."""
    got: list[float] = []
    all_have = asyncio.Event()

    async def live(node: str) -> None:
        connection = load.Connection(fleet.host)
        held: list[dict[str, Any]] = []
        await asyncio.sleep(random.uniform(0, INTERVAL))
        while not all_have.is_set():
            status, body = await connection.ask(load.poll(fleet.host, node, fleet.keys[node], held, cpu=1))
            if status != 200:
                raise RuntimeError(f"a poll was answered with {status}")
            for start in json.loads(body)["start"]:
                got.append(time.monotonic())
                held = [{"id": start["instance"], "state": "downloading", "progress": 0}]
                if len(got) == len(nodes):
                    all_have.set()
            await asyncio.sleep(INTERVAL * random.uniform(0.9, 1.1))
        connection.close()

    async def begin() -> float:
        await asyncio.sleep(2 * INTERVAL)
        began = time.monotonic()
        await asyncio.to_thread(fleet.hands, "start", name="large")
        return began

    lives = asyncio.gather(*(live(node) for node in nodes))
    try:
        began = await begin()
        await asyncio.wait_for(lives, PATIENCE)
    finally:
        lives.cancel()
    return sorted(moment - began for moment in got)
