"""Which manifest of an image a pull takes where nodes have several platforms, and what its config adds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest
from django.utils import timezone

from groups.ingest.platform_choice import (
    fleet_of_check,
    fleet_of_pull,
    offered_to_nodes,
    pick,
    read_picked_config,
)
from groups.models import ContainerGroup, Image, ImageCheck, Node
from groups.rules.platforms import Counts, Fleet
from portal.models import Organization, Project
from registries.failures import PlatformMissing
from registries.oci.client import RegistryClient
from registries.oci.manifest import OCI_INDEX, OCI_MANIFEST, Entry, Index, Manifest
from registries.oci.platform import Platform, missing
from tests.groups.ingest.conftest import Pulled
from tests.support.fakes.registry import FakeRegistry
from tests.support.manifests import layer, manifest
from tests.support.pulls import make_group

AMD, ARM = "linux/amd64", "linux/arm64"


class Client:
    """Has a manifest for each of these platforms, in an index that it reads by itself."""

    def __init__(self, *hidden: str) -> None:
        self.hidden = hidden
        self.asked: list[str] = []

    def pick(self, repository: str, document: Manifest | Index, platform: Platform) -> Manifest:
        self.asked.append(str(platform))
        listed = [str(entry.platform) for entry in document.entries] if isinstance(document, Index) else []
        if str(platform) in {*listed, *self.hidden}:
            return manifest(layer(1), digest=1 + (*listed, *self.hidden).index(str(platform)))
        raise missing(platform, [Platform.parse(text) for text in self.hidden])


def index(*platforms: str | None, media_type: str = OCI_MANIFEST) -> Index:
    entries = tuple(Entry(media_type, Platform.parse(text) if text else None) for text in platforms)
    return Index("sha256:" + "f" * 64, OCI_INDEX, entries, b"{}")


def config(platform: str) -> bytes:
    os, architecture, *variant = platform.split("/")
    document = {"os": os, "architecture": architecture, "rootfs": {"type": "layers", "diff_ids": [layer(1).digest]}}
    return json.dumps(document | ({"variant": variant[0]} if variant else {})).encode()


def fleet(nodes: Mapping[str, int], wanted: str = "") -> Fleet:
    counted = {Platform.parse(text): Counts(count, count, count) for text, count in nodes.items()}
    return Fleet(counted, Platform.parse(wanted) if wanted else None, None, Platform.parse(AMD))


def taken(document: Manifest | Index, own: str, nodes: Fleet, client: Client | None = None) -> tuple[str, str]:
    """The platform that the image gets, and why."""
    picked = pick(cast("RegistryClient", client or Client()), "team/app", document, nodes)
    return str(read_picked_config(config(own), picked, nodes).platform), picked.reason


@pytest.mark.parametrize(("nodes", "listed", "own", "platform"), [
    ({AMD: 1, ARM: 2}, [AMD, ARM], ARM, ARM),
    ({AMD: 2, ARM: 1}, [ARM, AMD], AMD, AMD),
    # The index says more than the config, which builders leave the variant out of.
    ({f"{AMD}/v3": 1}, [f"{AMD}/v3", AMD], AMD, f"{AMD}/v3"),
    ({"linux/arm/v7": 1}, ["linux/arm/v6"], "linux/arm", "linux/arm/v6"),
])  # fmt: skip
def test_an_image_gets_the_platform_of_its_place_in_the_index(
    nodes: dict[str, int], listed: list[str], own: str, platform: str
) -> None:
    assert taken(index(*listed), own, fleet(nodes))[0] == platform


@pytest.mark.parametrize(("nodes", "own", "platform"), [
    ({AMD: 1, ARM: 2}, AMD, AMD),
    ({AMD: 1, ARM: 2}, ARM, ARM),
    ({f"{AMD}/v3": 1}, AMD, AMD),
    ({AMD: 1, f"{AMD}/v3": 1}, f"{AMD}/v3", f"{AMD}/v3"),  # only the nodes that have the instructions
    ({AMD: 1}, f"{AMD}/v2", AMD),  # no client compares the variant of a single image
    ({"linux/arm/v6": 1}, "linux/arm", "linux/arm/v6"),
])  # fmt: skip
def test_an_image_without_an_index_gets_the_platform_of_its_config(
    nodes: dict[str, int], own: str, platform: str
) -> None:
    assert taken(manifest(layer(1)), own, fleet(nodes)) == (platform, "")


def test_each_platform_of_the_nodes_is_looked_for_in_what_the_index_does_not_say() -> None:
    """An index of indexes, and entries without a platform (opencontainers/image-spec calls it OPTIONAL)."""
    nodes, client = fleet({AMD: 3, ARM: 1}), Client(ARM)
    assert taken(index(None), ARM, nodes, client) == (ARM, "")
    assert client.asked == [AMD, ARM], "that of the most nodes first"
    assert taken(index(AMD, media_type=OCI_INDEX), ARM, nodes, Client(ARM))[0] == ARM


@pytest.mark.parametrize("document", [index("linux/s390x"), manifest(layer(1))])
def test_an_image_for_no_node(document: Manifest | Index) -> None:
    with pytest.raises(PlatformMissing) as failed:
        taken(document, "linux/s390x", fleet({AMD: 3, ARM: 1}), Client("linux/s390x"))
    assert failed.value.words.text == "Nodes run linux/amd64 or linux/arm64; this image offers linux/s390x."


def test_an_index_that_lists_the_image_of_another_platform() -> None:
    with pytest.raises(PlatformMissing):
        taken(index(ARM), AMD, fleet({AMD: 1, ARM: 1}))


@pytest.mark.parametrize(("document", "own", "offered"), [
    (index(AMD, f"{AMD}/v3", ARM, "linux/s390x"), ARM, [(ARM, 4), (AMD, 1)]),
    (index(AMD), AMD, [(AMD, 1)]),
    (manifest(layer(1)), ARM, [(ARM, 4)]),
    (index(None), ARM, [(ARM, 4)]),
])  # fmt: skip
def test_what_else_a_member_could_choose(
    document: Manifest | Index, own: str, offered: Sequence[tuple[str, int]]
) -> None:
    nodes = fleet({AMD: 1, ARM: 4}, wanted=ARM)
    picked = pick(cast("RegistryClient", Client(ARM)), "team/app", document, fleet({AMD: 1, ARM: 4}))
    found = read_picked_config(config(str(picked.platform or own)), picked, nodes)
    rows = offered_to_nodes(document, found, nodes)
    assert rows == [{"platform": platform, "nodes": count, "free": count} for platform, count in offered]


def a_node(platform: str, **fields: Any) -> None:
    usual = {"cpu": 4, "memory_mb": 8192, "last_seen_at": timezone.now()}
    Node.objects.create(name=platform, public_key=platform, platform=platform, **usual | fields)


def test_a_pull_counts_the_nodes_that_can_take_its_group(project: Project) -> None:
    """An image for both: the group with a GPU needs the nodes that have one."""
    a_node(AMD, gpu="rtx4090")
    a_node(ARM)
    a_node(f"{ARM}/v9")
    both = [Platform.parse(AMD), Platform.parse(ARM)]
    group = make_group(project, "registry.example.com/team/app:1.0", gpu="rtx4090")
    assert str(fleet_of_pull(group.image).best(both)) == AMD
    group = make_group(project, "registry.example.com/team/app:1.0", name="plain")
    assert str(fleet_of_pull(group.image).best(both)) == ARM


def test_an_update_knows_what_its_group_runs_on(project: Project) -> None:
    group = make_group(project, "registry.example.com/team/app:1.0")
    following = make_group(project, "registry.example.com/team/app:1.1", name="other").image
    Image.objects.filter(pk=group.image_id).update(status="ready", platform=ARM)
    ContainerGroup.objects.filter(name="other").delete()
    ContainerGroup.objects.filter(pk=group.pk).update(next_image=following)
    assert str(fleet_of_pull(following).current) == ARM
    following.platform, following.platform_chosen = AMD, True
    assert str(fleet_of_pull(following).wanted) == AMD
    following.digest = "sha256:" + "a" * 64
    assert [str(one) for one in fleet_of_pull(following).platforms] == [AMD], "pinned"


def test_a_comparison_with_a_group_is_for_its_very_platform(acme: Organization, project: Project) -> None:
    """On nodes of v3 a new pull would take the image for v3, which is another one than what the group has."""
    a_node(f"{AMD}/v3")
    group = make_group(project, "registry.example.com/team/app:1.0")
    row = ImageCheck(organization=acme, platform=AMD, platform_chosen=True, resources={"cpu": 1}, against=group)
    offered = [Platform.parse(AMD), Platform.parse(f"{AMD}/v3")]
    assert str(fleet_of_check(row).best(offered)) == AMD
    row.against = None
    assert str(fleet_of_check(row).best(offered)) == f"{AMD}/v3"


@pytest.mark.slow
def test_a_pull_of_both_platforms_shares_the_layers(basic_registry: FakeRegistry, pulled: Pulled) -> None:
    """Two groups of one tag, one a platform: each has its manifest, and what is the same is stored once."""
    a_node(AMD)
    a_node(ARM)
    a_node(f"{ARM}/v9")
    basic_registry.push_image("team/app", "1.0", platform=[AMD, ARM])

    first, second = pulled(basic_registry), pulled(basic_registry, name="other", platform=AMD)

    assert [(group.image.status, group.image.platform) for group in (first, second)] == [("ready", ARM), ("ready", AMD)]
    assert first.image.digest != second.image.digest
    stored = [{layer.blob_id for layer in group.image.layers.all()} for group in (first, second)]
    assert stored[0] == stored[1]
    detail = first.image.steps.get(name="platform").detail
    assert detail == "linux/arm64, of 2 platforms: 2 nodes with room can run it, and 1 linux/amd64"
    assert second.image.steps.get(name="platform").detail == "linux/amd64, of 2 platforms: chosen for this group"
