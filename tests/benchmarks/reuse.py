"""A second image that shares 90 % of its bytes with one of the same organization, beside the first one's pull.

Each run is for an organization of its own, which has neither. The peer is the same worker's pull of an image of the
same size of which nothing is there: the first one's.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks import images
from tests.benchmarks.figures import Figure, Plan, best_and_median
from tests.benchmarks.sides import Ours, serving

SHARED = ((380, "noise"), (220, "noise"), (450, "text"), (130, "noise"), (20, "noise"))
OWN = ((100, "noise"),)


def measure(plan: Plan) -> Iterator[Figure]:
    """On disk."""
    shared = images.megabytes(*SHARED, scale=plan.scale)
    layouts = {
        f"bench/{name}": images.write(
            plan.folder / name, [*shared, *images.megabytes(*OWN, scale=plan.scale, seed=100 * seed)]
        )
        for seed, name in enumerate(("first", "second"), start=1)
    }
    same = {digest for digest, _ in layouts["bench/first"].layers} & {
        digest for digest, _ in layouts["bench/second"].layers
    }
    share = sum(size for digest, size in layouts["bench/second"].layers if digest in same)
    first, second = [], []
    with serving(plan.folder, layouts) as registry, Ours(plan.folder / "ours") as ours:
        for _ in range(plan.runs):
            organization = ours.organization()
            first.append(ours.pull(registry, "bench/first", organization=organization, keep=True).wall)
            second.append(ours.pull(registry, "bench/second", organization=organization, keep=True).wall)
            ours.clear()
    yield Figure("reuse_shared", 100 * share / layouts["bench/second"].total, "%")
    yield from best_and_median("reuse_wall", "s", second, first, "the first image's pull")
