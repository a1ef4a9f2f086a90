"""One layer of 4 GB: the worker's peak memory beside that of a layer of 4 MB, and how fast it comes."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks import images
from tests.benchmarks.figures import Figure, Plan
from tests.benchmarks.images import Content
from tests.benchmarks.sides import Ours, Skopeo, serving

LARGE, SMALL = 4_000_000_000, 4_000_000


def measure(plan: Plan) -> Iterator[Figure]:
    """On disk, once: it is memory that is looked at."""
    layouts = {}
    with Ours(plan.folder / "ours") as ours:
        for name, size in (("large", LARGE), ("small", SMALL)):
            content = Content(plan.bytes(size), "noise")
            layouts[f"bench/{name}"] = images.write(plan.folder / name, [content])
        with serving(plan.folder, layouts) as registry:
            small = ours.pull(registry, "bench/small")
            large = ours.pull(registry, "bench/large")
            skopeo = Skopeo(plan.folder / "skopeo")
            theirs = skopeo.copy(registry, "bench/large")
            total = layouts["bench/large"].total
            yield Figure("large_layer_bytes", total, "bytes")
            yield Figure("large_layer_peak_rss", large.rss / 1e6, "MB", small.rss / 1e6, "a layer of 4 MB")
            yield Figure("large_layer_peak_rss_beside", large.rss / 1e6, "MB", theirs.rss / 1e6, skopeo.version)
            yield Figure("large_layer_wall", large.wall, "s", theirs.wall, skopeo.version)
