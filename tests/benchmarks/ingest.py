"""A pull of about 1 GB: ours, `skopeo copy --encryption-key` of this machine, and the floor, in turns.

All three take the same image from the same docker-registry on loopback and leave it encrypted. Ours is what a worker
does in a work-horse that it forks: claim, HTTP, SHA-256, AES-CTR, HMAC, SHA-256 of the ciphertext, storage, rows.
Each of our runs is for an organization of its own, so that nothing is reused.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.benchmarks import clocks, floor, images
from tests.benchmarks.clocks import Spent
from tests.benchmarks.figures import Figure, Plan, best_and_median, in_turns
from tests.benchmarks.sides import Ours, Skopeo, serving
from tests.interop.docker_registry import DockerRegistry

SIZES = ((380, "noise"), (220, "noise"), (450, "text"), (130, "noise"), (150, "text"), (40, "noise"), (5, "text"))
"""MB before compression; text shrinks to about a third."""


def measure(plan: Plan) -> Iterator[Figure]:
    """On disk, and in memory where there is room."""
    if plan.memory is None or plan.memory != plan.folder:
        yield from _at(plan, plan.folder, "disk")
    if plan.memory is not None:
        yield from _at(plan, plan.memory / "ingest", "memory")


def _at(plan: Plan, folder: Path, where: str) -> Iterator[Figure]:
    folder.mkdir(exist_ok=True)
    layout = images.write(folder / "image", images.megabytes(*SIZES, scale=plan.scale))
    with serving(folder, {"bench/app": layout}) as registry, Ours(folder / "ours") as ours:
        skopeo = Skopeo(folder / "skopeo")
        spent: dict[str, list[Spent]] = {"ours": [], "skopeo": [], "floor": []}
        sides: list[tuple[str, Callable[[], Spent]]] = [
            ("ours", lambda: ours.pull(registry, "bench/app")),
            ("skopeo", lambda: skopeo.copy(registry, "bench/app")),
            ("floor", lambda: _floor(registry, layout, folder / "floor")),
        ]
        for run in range(plan.runs):
            for side, go in in_turns(sides, run):
                spent[side].append(go())
        version = skopeo.version
    yield Figure(f"ingest_{where}_image", layout.total, "bytes")
    yield from _beside(f"ingest_{where}", spent["ours"], spent["skopeo"], version)
    walls = {side: [one.wall for one in runs] for side, runs in spent.items()}
    yield from best_and_median(f"ingest_{where}_above_floor", "s", walls["ours"], walls["floor"], "the measured floor")
    shutil.rmtree(folder, ignore_errors=True)


def _beside(name: str, ours: list[Spent], theirs: list[Spent], against: str) -> Iterator[Figure]:
    for what, unit, of in (
        ("wall", "s", lambda one: one.wall),
        ("cpu", "s", lambda one: one.cpu),
    ):
        yield from best_and_median(f"{name}_{what}", unit, [*map(of, ours)], [*map(of, theirs)], against)
    rss, peer = (max(one.rss for one in side) / 1e6 for side in (ours, theirs))
    yield Figure(f"{name}_peak_rss", rss, "MB", peer, against)


def _floor(registry: DockerRegistry, layout: images.Layout, into: Path) -> Spent:
    into.mkdir()
    login = f"{registry.user}:{registry.password}"
    try:
        return clocks.of_fork(partial(floor.pull, registry.host, login, "bench/app", layout.layers, into))
    finally:
        shutil.rmtree(into)
