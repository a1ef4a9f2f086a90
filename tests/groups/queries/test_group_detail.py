"""The sentence beside a group's state, and what a page of it costs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from groups.models import ContainerGroup, Image, Instance, Node, PullStep, Redemption
from groups.queries.etags import group_version
from groups.queries.group_detail import group_detail, poll_seconds
from tests.support.group_progress import HOST, MB, add_layers, at_state, failed, fresh, group, make_token, pulling

__all__ = ["group"]
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def sentence(group: ContainerGroup) -> str:
    return group_detail(fresh(group)).sentence


def test_a_pull_that_no_worker_has_taken_waits(group: ContainerGroup) -> None:
    assert "Waiting for a worker" in sentence(group)


def at(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    """Let the database's clock stand that many seconds after noon."""
    monkeypatch.setattr("groups.queries.group_detail.database_now", lambda: NOON + timedelta(seconds=seconds))


def test_layers_are_shown_with_bytes_and_the_time_left(group: ContainerGroup, monkeypatch: pytest.MonkeyPatch) -> None:
    pulling(group, "resolve", "connect", "authenticate", "manifest", "platform", "size", "layers", at=NOON)
    add_layers(
        group, *[(100 * MB, 100 * MB)] * 3, (390 * MB, 12 * MB), *[(100 * MB, 0)] * 3, at=NOON + timedelta(seconds=4)
    )
    at(monkeypatch, 4)

    # 312 MB came in 4 s, so that the other 678 MB take 8.7 s.
    assert sentence(group) == "Pulling layer 4 of 7, 312 of 990 MB, 78 MB/s, about 9 s left."


def test_what_an_earlier_attempt_left_does_not_count_as_speed(
    group: ContainerGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_layers(group, (500 * MB, 500 * MB), (500 * MB, 50 * MB), at=NOON)
    pulling(group, "layers", attempt=2, at=NOON + timedelta(seconds=60))
    at(monkeypatch, 70)

    # 50 MB came in 10 s, so that the other 450 MB take 90 s.
    assert sentence(group) == "Pulling layer 2 of 2, 0.55 of 1.00 GB, 5 MB/s, about 2 min left."


def test_nothing_is_said_of_the_time_before_a_byte_came(group: ContainerGroup) -> None:
    pulling(group, "size", "layers")
    add_layers(group, (MB, 0))

    assert "left" not in sentence(group)


@pytest.mark.parametrize("step", [name for name in PullStep.Name.values if name != "layers"])
def test_every_step_has_a_sentence(group: ContainerGroup, step: str) -> None:
    pulling(group, step)

    text = sentence(group)
    assert text.endswith(".")
    assert "{" not in text


def test_a_pull_that_is_tried_again_says_why_and_which_attempt_comes(group: ContainerGroup) -> None:
    Image.objects.filter(pk=group.image_id).update(
        attempt=1,
        retry_code="registry_unreachable",
        retry_params={"host": HOST},
        not_before=timezone.now() + timedelta(seconds=20),
    )

    detail = group_detail(fresh(group))
    assert "The registry can't be reached" in detail.sentence
    assert "ttempt 2 of 5" in detail.sentence
    assert detail.next_attempt is not None


@pytest.mark.parametrize(
    ("status", "states", "words"),
    [
        ("stopped", (), "until"),
        ("stopped", ("stopping", "stopping"), "2 instances"),
        ("deploying", ("allocating", "downloading", "creating"), "0 of 3"),
        ("deploying", ("allocating", "allocating", "allocating"), "3 waiting for a node"),
        ("running", ("running", "running", "allocating"), "2 of 3"),
        ("succeeded", (), "ended"),
    ],
)
def test_instances_are_counted(group: ContainerGroup, status: str, states: tuple[str, ...], words: str) -> None:
    ContainerGroup.objects.filter(pk=group.pk).update(status=status)
    at_state(group, *states)

    assert words in sentence(group)


def test_a_node_that_can_not_run_it_is_quoted(group: ContainerGroup) -> None:
    ContainerGroup.objects.filter(pk=group.pk).update(status="deploying")
    at_state(group, "creating", "creating", "running", node=Node.objects.create(name="node-1", public_key="k"))
    Instance.objects.filter(state="running").update(message="all is well")
    assert "says" not in sentence(group)

    Instance.objects.filter(state="creating").update(message="this node has no container runtime.")
    assert sentence(group) == "1 of 3 running, 2 on their way. node-1 says: this node has no container runtime."


def test_a_group_that_waits_for_a_node_says_why(group: ContainerGroup) -> None:
    ContainerGroup.objects.filter(pk=group.pk).update(status="deploying", cpu=2, memory_mb=2048)
    at_state(group, "allocating")
    why = "No node has 2 CPU and 2,048 MB free right now."
    assert sentence(group) == f"0 of 3 running, 1 waiting for a node. {why}"
    before = group_version(group.project_id, group.name, "member")

    node = Node.objects.create(name="n", public_key="k", cpu=4, memory_mb=4096, last_seen_at=timezone.now())
    assert why not in sentence(group)
    with_room = group_version(group.project_id, group.name, "member")
    assert with_room != before

    for change in ({"cpu": 1}, {"status": "cordoned"}, {"last_seen_at": timezone.now() - timedelta(minutes=1)}):
        Node.objects.update(cpu=4, status="active", last_seen_at=timezone.now())
        Node.objects.filter(pk=node.pk).update(**change)
        assert why in sentence(group)
        assert group_version(group.project_id, group.name, "member") != with_room

    Node.objects.update(last_seen_at=timezone.now())
    at_state(group, "running", "running", node=node)
    assert why in sentence(group)


def test_a_failed_group_says_what_failed(group: ContainerGroup) -> None:
    failed(group)

    assert "did not accept the credentials" in sentence(group)


def test_the_number_of_queries_does_not_grow(group: ContainerGroup) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as few:
        group_detail(fresh(group))
    node = Node.objects.create(name="n", public_key="k")
    at_state(group, *["running"] * 10, node=node)
    add_layers(group, *[(MB, MB)] * 10)
    for number in range(5):
        token = make_token(group, node, number)
        Redemption.objects.create(token=token, outcome="refused", reason="replayed")
    failed(group)

    with CaptureQueriesContext(connection) as many:
        detail = group_detail(fresh(group))
        assert [delivery.refusals[0].words for delivery in detail.deliveries]
    assert len(many) <= len(few) + 2, "at most two queries more, for the refusals and a trust"


@pytest.mark.parametrize(
    ("status", "instances", "seconds"),
    [
        ("pending", False, 2),
        ("deploying", True, 3),
        ("running", True, 10),
        ("stopped", True, 3),
        ("stopped", False, None),
        ("failed", False, None),
        ("succeeded", False, None),
    ],
)
def test_pages_ask_again_while_something_moves(status: str, instances: bool, seconds: int | None) -> None:
    assert poll_seconds(status, instances) == seconds


@pytest.mark.parametrize(("nodes", "why"), [
    (["linux/arm64"], "It needs a node with linux/amd64, and none is connected."),
    ([""], "No node has 9 CPU and 1,024 MB free right now."),
    (["linux/amd64/v3"], "No node has 9 CPU and 1,024 MB free right now."),
    (["linux/amd64", "linux/arm64"], "No linux/amd64 node has 9 CPU and 1,024 MB free right now."),
])  # fmt: skip
def test_a_group_that_waits_for_a_node_of_its_platform_says_so(
    group: ContainerGroup, nodes: list[str], why: str
) -> None:
    ContainerGroup.objects.filter(pk=group.pk).update(status="deploying", cpu=9)
    at_state(group, "allocating")
    for platform in nodes:
        cpu = 16 if platform == "linux/arm64" else 4
        seen = group_version(group.project_id, group.name)
        Node.objects.create(
            name=platform, public_key=platform, platform=platform, cpu=cpu, memory_mb=4096,
            last_seen_at=timezone.now(),
        )  # fmt: skip
        assert group_version(group.project_id, group.name) != seen
    assert sentence(group).endswith(why)
