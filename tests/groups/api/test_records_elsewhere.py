"""Every list of the API, beside an organization and a project that have the same names and are full."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from groups.models import ContainerGroup, Instance, Node, Redemption
from tests.portal.api.conftest import CONTAINERS
from tests.support.group_progress import failed, make_token
from tests.support.pulls import make_credential, make_group

HERE = "/api/v1/organizations/acme"
OWN = f"{HERE}/projects/default/containers/app"
HOST = "registry.example.com"


def fill(project: Any, tag: str, *, instances: int) -> ContainerGroup:
    """A failed group `app` of this image with instances, a token, a refusal and a credential, all named by its tag."""
    credential = make_credential(project.organization, f"{tag}.example.com")
    group = make_group(project, f"{HOST}/team/app:{tag}", credential=credential, replicas=instances)
    node = Node.objects.create(name=f"node-{tag}", public_key="k")
    for _ in range(instances):
        Instance.objects.create(group=group, node=node, state="running")
    failed(group)
    token = make_token(group, node, number=Node.objects.count())
    token.layer_deliveries.create(digest="sha256:0", sent_bytes=10 * instances, sent_whole=instances)
    Redemption.objects.create(token=token, outcome="refused", reason="replayed", presented_by=f"by-{tag}")
    group.image.layers.create(position=0, media_type="x", digest=f"sha256:{instances:064x}", size=instances)
    return group


@pytest.fixture
def own(project: Any, acme: Any, mallory: Any, no_redis: None) -> ContainerGroup:
    """Acme's `default/app`, beside its `batch/app` and Umbrella's `default/app`."""
    fill(mallory.organizations.get().projects.get(), "umbrella", instances=4)
    fill(acme.projects.create(slug="batch", name="Batch"), "batch", instances=2)
    return fill(project, "own", instances=1)


def test_lists_of_a_group_are_its_own(own: ContainerGroup, speaks: Any) -> None:
    read = speaks("read").get

    (group,) = read(CONTAINERS).json()["items"]
    assert group["container"]["image"] == f"{HOST}/team/app:own"
    assert group["current_state"]["instance_status_counts"] == {
        "allocating_count": 0, "creating_count": 0, "running_count": 1, "stopping_count": 0,
    }  # fmt: skip
    (instance,) = read(f"{CONTAINERS}/app/instances").json()["instances"]
    assert instance["id"] == str(own.instances.get().pk)
    (pull,) = read(f"{OWN}/pulls").json()["items"]
    assert (pull["image"], [layer["size"] for layer in pull["layers"]]) == (f"{HOST}/team/app:own", [1])
    (failure,) = read(f"{OWN}/failures").json()["items"]
    assert failure["image"] == f"{HOST}/team/app:own"
    (delivery,) = read(f"{OWN}/deliveries").json()["items"]
    assert (delivery["node"], delivery["bytes_sent"], delivery["layers_sent"]) == ("node-own", 10, 1)
    assert [refused["presented_by"] for refused in delivery["refused"]] == ["by-own"]


def test_lists_of_an_organization_are_its_own(own: ContainerGroup, speaks: Any) -> None:
    read = speaks("read").get

    failures = read(f"{HERE}/failures").json()["items"]
    assert [row["image"].rpartition(":")[2] for row in failures] == ["own", "batch"]
    receipts = read(f"{HERE}/receipts").json()["items"]
    assert [row["registry"] for row in receipts] == ["own.example.com", "batch.example.com"]
    quotas = read("/api/public/organizations/acme/quotas").json()["container_groups_quotas"]
    assert quotas["container_replicas_used"] == 3
    assert quotas["container_replicas_quota"] == 2_147_483_647


def test_an_instance_is_found_in_its_own_group_only(own: ContainerGroup, speaks: Any) -> None:
    speaker = speaks()
    others = Instance.objects.exclude(group=own)

    for group in ContainerGroup.objects.exclude(pk=own.pk):
        instance = group.instances.first()
        assert instance is not None
        address = f"{CONTAINERS}/app/instances/{instance.pk}"
        assert speaker.get(address).status_code == 404
        assert speaker.patch(address, {"deletion_cost": 5}).status_code == 404
        assert speaker.post(f"{address}/restart").status_code == 404
    assert set(others.values_list("deletion_cost", "order")) == {(0, "")}
    assert speaker.get(f"{CONTAINERS}/app/instances/{own.instances.get().pk}").status_code == 202


def test_lists_are_bounded_and_have_the_newest_first(own: ContainerGroup, speaks: Any, acme: Any) -> None:
    """A hundred of each, however many there are."""
    own.failures.all().delete()
    own.tokens.all().delete()
    node = Node.objects.get(name="node-own")
    for number in range(101):
        failed(own, attempt=number)
        make_token(own, node, number=1000 + number)
    read = speaks("read").get

    shown = read(f"{OWN}/failures").json()["items"]
    assert [row["attempt"] for row in shown] == list(range(100, 0, -1))
    assert len(read(f"{HERE}/failures").json()["items"]) == 100
    deliveries = read(f"{OWN}/deliveries").json()["items"]
    newest = own.tokens.order_by("-issued_at")[:100]
    assert [row["id"] for row in deliveries] == [str(token.pk) for token in newest]


def test_a_group_says_when_its_next_attempt_comes(own: ContainerGroup, speaks: Any) -> None:
    own.image.not_before = timezone.now()
    own.image.save()

    (pull,) = speaks("read").get(f"{OWN}/pulls").json()["items"]

    assert pull["next_attempt"].startswith(f"{own.image.not_before:%Y-%m-%dT%H:%M:%S}")
