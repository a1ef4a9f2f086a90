"""An image whose layers come uncompressed: kept as zstd, beside the same content that comes as gzip and stays so.

What is won is bytes in the store and on the way to every node; what it costs is the worker's time, once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.benchmarks import images
from tests.benchmarks.figures import Figure, Plan, best_and_median, in_turns
from tests.benchmarks.sides import Ours, serving

SIZES = ((250, "text"), (120, "text"), (60, "noise"))


def measure(plan: Plan) -> Iterator[Figure]:
    """On disk."""
    packed = images.megabytes(*SIZES, scale=plan.scale)
    plain = [replace(content, gzipped=False) for content in packed]
    layouts = {
        "bench/plain": images.write(plan.folder / "plain", plain),
        "bench/packed": images.write(plan.folder / "packed", packed),
    }
    walls: dict[str, list[float]] = {name: [] for name in layouts}
    cpu: dict[str, list[float]] = {name: [] for name in layouts}
    stored: dict[str, int] = {}
    with serving(plan.folder, layouts) as registry, Ours(plan.folder / "ours") as ours:
        for run in range(plan.runs):
            for name in in_turns(list(layouts), run):
                spent = ours.pull(registry, name, organization=ours.organization(), keep=True)
                walls[name].append(spent.wall)
                cpu[name].append(spent.cpu)
                stored[name] = ours.stored()
                ours.clear()
    came = layouts["bench/plain"].total
    yield Figure("compression_stored", stored["bench/plain"], "bytes", came, "as it came, uncompressed")
    yield Figure("compression_stored_as_gzip", stored["bench/packed"], "bytes", came, "as it came, uncompressed")
    against = "the same content as gzip, kept as it is"
    yield from best_and_median("compression_wall", "s", walls["bench/plain"], walls["bench/packed"], against)
    yield from best_and_median("compression_cpu", "s", cpu["bench/plain"], cpu["bench/packed"], against)
