"""On which platform a group's image runs: which ones the nodes have, and which one of an image's suits them best.

A node says its platform when it polls; one that says nothing has the portal's default. An image is stored for one
platform, the group's, and only nodes that run it are assigned the group's instances. See decision 28.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from django.conf import settings
from django.db.models import Count, Q

from groups.models import Node
from groups.rules.node_room import nodes_with_room
from registries.failures import PlatformMissing
from registries.oci.platform import Platform


@dataclass(frozen=True)
class Replica:
    """What one replica of a group takes: cores, MB, and the class of its GPU or nothing."""

    cpu: int = 1
    memory_mb: int = 1024
    gpu: str = ""


@dataclass(frozen=True)
class Counts:
    """Numbers of nodes: with room for a replica now, that can take one when they are empty, and enrolled at all."""

    free: int = 0
    able: int = 0
    enrolled: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.free + other.free, self.able + other.able, self.enrolled + other.enrolled)

    @property
    def rank(self) -> tuple[int, int, int]:
        """What platforms are compared by; more is better."""
        return self.free, self.able, self.enrolled


@dataclass(frozen=True)
class Fleet:
    """The nodes by platform. `wanted` is the platform that a member chose for the group, of which only operating system
    and architecture count; `current` that of the image which another one replaces."""

    nodes: Mapping[Platform, Counts]
    wanted: Platform | None = None
    current: Platform | None = None
    default: Platform = field(default_factory=lambda: default_platform())

    @classmethod
    def only(cls, platform: Platform) -> Fleet:
        """For an image that is pinned to this platform already."""
        return cls({platform: Counts()})

    @property
    def platforms(self) -> list[Platform]:
        """The platforms that come into question, that of the most nodes first."""
        fitting = [one for one in self.nodes if self._is_possible(one)]
        return sorted(fitting, key=lambda one: (self.nodes[one].rank, one.is_like(self.default)), reverse=True)

    def runners(self, offered: Platform) -> Counts | None:
        """How many nodes run an image for `offered`; None if there is no such platform among them."""
        found = [counts for platform, counts in self.nodes.items() if platform.runs(offered)]
        return sum(found, Counts()) if found else None

    def ranked(self, offered: Iterable[Platform]) -> list[tuple[Platform, Counts]]:
        """Those of the offered platforms that nodes run, with how many, the best first, whatever was chosen.

        The best is the one that the most nodes with room for a replica run; of equals the one that the most nodes run
        at all, then the portal's default, then the higher level, which makes more of the processor, then the first.
        """
        known = list(dict.fromkeys(offered))
        counted = [(platform, counts) for platform in known if (counts := self.runners(platform)) is not None]

        def rank(row: tuple[Platform, Counts]) -> tuple[tuple[int, int, int], bool, int]:
            platform, counts = row
            return counts.rank, platform.is_like(self.default), sum(platform.runs(other) for other in known)

        return sorted(counted, key=rank, reverse=True)

    def best(self, offered: Iterable[Platform]) -> Platform | None:
        """The platform of those offered for which the image is pulled, None if no node runs any: what a member chose,
        else what the group has already while nodes can take it, else the first of `ranked`."""
        ranked = [row for row in self.ranked(offered) if self._is_possible(row[0])]
        kept = [row for row in ranked if row[1].able and self._keeps(row[0])]
        return next((platform for platform, _ in kept or ranked), None)

    def reason(self, chosen: Platform, offered: Iterable[Platform]) -> str:
        """Why it was this one, in words; empty where there was no choice."""
        ranked = self.ranked(offered)
        if self.wanted is not None:
            return "chosen for this group"
        other = next(((platform, counts) for platform, counts in ranked if not platform.is_like(chosen)), None)
        if other is None:
            return ""
        if self._keeps(chosen):
            return "what the group ran on before"
        (platform, theirs), ours = other, self.runners(chosen) or Counts()
        if ours.free != theirs.free:
            return f"{_nodes(ours.free)} with room can run it, and {theirs.free or 'none'} {platform.machine}"
        if ours.able != theirs.able:
            return f"{_nodes(ours.able)} can run it, and {theirs.able or 'none'} {platform.machine}"
        return f"as many nodes can run {platform.machine}"

    def missing(self, offered: str) -> PlatformMissing:
        """The failure where no node runs what an image offers, which is given in words."""
        if self.wanted is not None:
            return PlatformMissing(case="chosen", platform=self.wanted.machine, offered=offered)
        platforms = self.platforms
        # The level of a processor says something only where the image is for that kind of processor.
        names = list(dict.fromkeys(str(one) if one.machine in offered else one.machine for one in platforms))
        if len(names) == 1:
            return PlatformMissing(platform=names[0], offered=offered)
        listed = f"{', '.join(names[:-1])} or {names[-1]}"
        return PlatformMissing(case="several", platform=names[0], platforms=listed, offered=offered)

    def _is_possible(self, platform: Platform) -> bool:
        return self.wanted is None or platform.is_like(self.wanted)

    def _keeps(self, platform: Platform) -> bool:
        return self.current is not None and platform.is_like(self.current)


def fleet_for(replica: Replica, *, wanted: Platform | None = None, current: Platform | None = None) -> Fleet:
    """Count the nodes that have polled at least once; without any, it is one platform, the portal's default."""
    there = Node.objects.enrolled().filter(last_seen_at__isnull=False)
    fits = Q(cpu__gte=replica.cpu, memory_mb__gte=replica.memory_mb) & (Q(gpu=replica.gpu) if replica.gpu else Q())
    able = Q(pk__in=Node.objects.present().filter(fits, status=Node.Status.ACTIVE).values("pk"))
    free = Q(pk__in=nodes_with_room(replica.cpu, replica.memory_mb, replica.gpu).values("pk"))
    counted = (
        there.order_by()
        .values_list("platform")
        .annotate(free=Count("pk", filter=free), able=Count("pk", filter=able), enrolled=Count("pk"))
    )
    nodes: dict[Platform, Counts] = {}
    for text, *counts in counted:
        platform = platform_of(text)
        nodes[platform] = nodes.get(platform, Counts()) + Counts(*counts)
    if wanted is not None and not any(platform.is_like(wanted) for platform in nodes):
        nodes[wanted] = Counts()  # they were there when it was chosen, and may come back
    return Fleet(nodes or {default_platform(): Counts()}, wanted, current)


def default_platform() -> Platform:
    """The platform of nodes that don't say theirs."""
    return Platform.parse(settings.PORTAL_PLATFORM)


def platform_of(said: str) -> Platform:
    """The platform of a node, from what it said."""
    return Platform.parse(said) if said else default_platform()


def runnable(said: str) -> tuple[str, ...]:
    """The platforms of images that a node runs, from what it said, as `Image.platform` has them."""
    return _runnable(said or settings.PORTAL_PLATFORM)


def can_run(platform: str) -> Q:
    """Nodes that run an image of this platform."""
    fitting = _runners(platform)
    return Q(platform__in=[*fitting, ""] if str(default_platform()) in fitting else fitting)


def machine_of(platform: str) -> str:
    """Operating system and architecture of a platform, such as `linux/arm64`; empty if it is."""
    return Platform.parse(platform).machine if platform else ""


def machines_of_nodes() -> list[str]:
    """Operating system and architecture of the nodes that are there, such as `linux/arm64`, without duplicates."""
    said = Node.objects.enrolled().filter(last_seen_at__isnull=False).order_by().values_list("platform", flat=True)
    return sorted({platform_of(text).machine for text in said.distinct()})


@lru_cache(maxsize=128)
def _runnable(text: str) -> tuple[str, ...]:
    node = Platform.parse(text)
    return tuple(str(image) for image in node.levels() if node.runs(image))


@lru_cache(maxsize=128)
def _runners(text: str) -> tuple[str, ...]:
    image = Platform.parse(text)
    return tuple(str(node) for node in image.levels() if node.runs(image))


def _nodes(count: int) -> str:
    return f"{count or 'no'} node{'s' if count != 1 else ''}"
