"""Which platform a group gets: what the nodes run, what the image offers, and who has room."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from groups.models import ContainerGroup, Instance, Node
from groups.rules.platforms import (
    Counts,
    Fleet,
    Replica,
    can_run,
    fleet_for,
    machine_of,
    machines_of_nodes,
    runnable,
)
from registries.oci.platform import Platform
from tests.support.replicas import group

__all__ = ["group"]

AMD, AMD_V3, ARM, ARM_V6 = (
    Platform.parse(text) for text in ("linux/amd64", "linux/amd64/v3", "linux/arm64", "linux/arm/v6")
)


def fleet(nodes: Mapping[str, tuple[int, int, int]], *, wanted: str = "", current: str = "") -> Fleet:
    counted = {Platform.parse(text): Counts(*counts) for text, counts in nodes.items()}
    return Fleet(counted, Platform.parse(wanted) if wanted else None, Platform.parse(current) if current else None, AMD)


def a_node(name: str, platform: str = "", **fields: object) -> Node:
    usual: dict[str, object] = {"cpu": 4, "memory_mb": 4096, "last_seen_at": timezone.now(), "public_key": name}
    return Node.objects.create(name=name, platform=platform, **usual | fields)


@pytest.mark.parametrize(("nodes", "offered", "best"), [
    ({"linux/amd64": (1, 1, 1)}, [ARM, AMD], AMD),
    ({"linux/amd64": (1, 9, 9), "linux/arm64": (2, 2, 2)}, [AMD, ARM], ARM),  # more have room
    ({"linux/amd64": (2, 2, 2), "linux/arm64": (2, 3, 3)}, [AMD, ARM], ARM),  # as many have room, more are there
    ({"linux/amd64": (0, 0, 1), "linux/arm64": (0, 0, 3)}, [AMD, ARM], ARM),  # all are silent
    ({"linux/amd64": (2, 2, 2), "linux/arm64": (2, 2, 2)}, [ARM, AMD], AMD),  # the portal's default
    ({"linux/amd64": (1, 1, 1), "linux/amd64/v3": (2, 2, 2)}, [AMD_V3, AMD], AMD),  # runs on all three
    ({"linux/amd64/v3": (2, 2, 2)}, [AMD, AMD_V3], AMD_V3),  # makes more of the same nodes
    ({"linux/amd64/v3": (2, 2, 2)}, [AMD], AMD),
    ({"linux/amd64": (2, 2, 2)}, [AMD_V3], None),
    ({"linux/arm/v7": (1, 1, 1)}, [AMD, ARM_V6], ARM_V6),
    ({"linux/amd64": (1, 1, 1)}, [ARM], None),
    ({"linux/amd64": (1, 1, 1)}, [], None),
])  # fmt: skip
def test_the_best_of_what_an_image_offers(
    nodes: dict[str, tuple[int, int, int]], offered: list[Platform], best: Platform | None
) -> None:
    assert fleet(nodes).best(offered) == best


BOTH = {"linux/amd64": (1, 5, 5), "linux/arm64": (4, 4, 4)}


def test_what_a_member_chose_comes_first() -> None:
    chosen = fleet(BOTH, wanted="linux/amd64")
    assert chosen.best([ARM, AMD]) == AMD
    assert chosen.best([ARM]) is None
    assert chosen.platforms == [AMD]
    assert chosen.reason(AMD, [ARM, AMD]) == "chosen for this group"
    assert [platform for platform, _ in chosen.ranked([AMD, ARM])] == [ARM, AMD], "what else there is"
    missing = chosen.missing("linux/arm64")
    assert missing.words.text == "This group is for linux/amd64; this image offers linux/arm64."


def test_an_update_keeps_the_groups_platform_while_nodes_can_take_it() -> None:
    assert fleet(BOTH, current="linux/amd64").best([ARM, AMD]) == AMD
    assert fleet(BOTH, current="linux/amd64").reason(AMD, [ARM, AMD]) == "what the group ran on before"
    assert fleet(BOTH, current="linux/riscv64").best([ARM, AMD]) == ARM
    gone = {"linux/amd64": (0, 0, 5), "linux/arm64": (1, 1, 1)}
    assert fleet(gone, current="linux/amd64").best([AMD, ARM]) == ARM


@pytest.mark.parametrize(("nodes", "offered", "reason"), [
    (BOTH, [AMD, ARM], "4 nodes with room can run it, and 1 linux/amd64"),
    ({"linux/amd64": (0, 1, 1), "linux/arm64": (1, 1, 1)}, [AMD, ARM], (
        "1 node with room can run it, and none linux/amd64"
    )),
    ({"linux/amd64": (1, 1, 1), "linux/arm64": (1, 3, 3)}, [AMD, ARM], "3 nodes can run it, and 1 linux/amd64"),
    ({"linux/amd64": (1, 1, 1), "linux/arm64": (1, 1, 1)}, [AMD, ARM], "as many nodes can run linux/arm64"),
    (BOTH, [ARM], ""),
    ({"linux/amd64/v3": (2, 2, 2)}, [AMD, AMD_V3], ""),
])  # fmt: skip
def test_why_it_was_this_one(nodes: dict[str, tuple[int, int, int]], offered: list[Platform], reason: str) -> None:
    seen = fleet(nodes)
    best = seen.best(offered)
    assert best is not None
    assert seen.reason(best, offered) == reason


@pytest.mark.parametrize(("nodes", "offered", "text"), [
    (["linux/amd64"], "linux/arm64", "Nodes run linux/amd64; this image offers linux/arm64."),
    (["linux/amd64/v3", "linux/amd64"], "linux/arm64", "Nodes run linux/amd64; this image offers linux/arm64."),
    (["linux/amd64/v2"], "linux/amd64/v3", "Nodes run linux/amd64/v2; this image offers linux/amd64/v3."),
    (["linux/amd64", "linux/arm64"], "linux/s390x", (
        "Nodes run linux/amd64 or linux/arm64; this image offers linux/s390x."
    )),
])  # fmt: skip
def test_what_no_node_runs_is_said_with_what_they_run(nodes: list[str], offered: str, text: str) -> None:
    """The level of a processor is named only where the image is for that processor."""
    failure = fleet(dict.fromkeys(nodes, (1, 1, 1))).missing(offered)
    assert failure.words.text == text
    assert "--platform linux/amd64" in failure.words.remedy


def test_nodes_are_counted_by_platform(group: ContainerGroup, settings: Settings) -> None:
    """A node that says nothing has the default; removed ones and those that never polled don't count."""
    settings.PORTAL_PLATFORM = "linux/amd64"
    a_node("says-nothing")
    full = a_node("full", "linux/amd64", cpu=1)
    Instance.objects.create(group=group, node=full)
    a_node("cordoned", "linux/arm64", status="cordoned")
    a_node("silent", "linux/arm64", last_seen_at=timezone.now() - timedelta(minutes=5))
    a_node("small", "linux/arm64", memory_mb=1)
    a_node("arm", "linux/arm64")
    a_node("removed", "linux/s390x", status="removed")
    a_node("new", "linux/riscv64", last_seen_at=None)

    assert fleet_for(Replica()).nodes == {AMD: Counts(1, 2, 2), ARM: Counts(1, 1, 4)}
    assert fleet_for(Replica(gpu="rtx4090")).nodes == {AMD: Counts(0, 0, 2), ARM: Counts(0, 0, 4)}
    assert machines_of_nodes() == ["linux/amd64", "linux/arm64"]


@pytest.mark.usefixtures("db")
def test_without_nodes_there_is_the_default(settings: Settings) -> None:
    settings.PORTAL_PLATFORM = "linux/arm64"
    assert fleet_for(Replica()).nodes == {ARM: Counts()}
    assert fleet_for(Replica(), wanted=AMD).nodes == {AMD: Counts()}, "its nodes may come back"
    assert machines_of_nodes() == []


def test_which_nodes_run_which_images(db: None, settings: Settings) -> None:
    """As containerd compares them: a higher level runs what is built for a lower one, never the reverse."""
    settings.PORTAL_PLATFORM = "linux/amd64/v3"
    for platform in ("", "linux/amd64", "linux/amd64/v4", "linux/arm64", "linux/arm/v7"):
        a_node(platform or "says-nothing", platform)

    def running(image: str) -> set[str]:
        return set(Node.objects.filter(can_run(image)).values_list("name", flat=True))

    assert running("linux/amd64") == {"says-nothing", "linux/amd64", "linux/amd64/v4"}
    assert running("linux/amd64/v3") == {"says-nothing", "linux/amd64/v4"}
    assert running("linux/arm64") == {"linux/arm64"}
    assert running("linux/arm/v6") == {"linux/arm/v7"}
    assert running("linux/riscv64") == set()
    assert set(runnable("")) == {"linux/amd64", "linux/amd64/v2", "linux/amd64/v3"}
    assert runnable("freebsd/riscv64") == ("freebsd/riscv64",)


def test_a_platform_without_its_variant() -> None:
    assert [machine_of(text) for text in ("linux/amd64/v3", "linux/arm64", "")] == ["linux/amd64", "linux/arm64", ""]
