"""The sentence beside a group's state, the steps of its pull, and when a watching page is told something new."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from groups import story
from groups.ingest.steps import trace
from groups.models import ContainerGroup, Failure, Image, Instance, Layer, Node, NodeToken, PullStep, Redemption
from groups.states import move
from groups.trail import trace_lines
from groups.versions import group_version
from tests.groups.pulls import make_credential, make_group

HOST = "registry.example.com"
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
MB = 1_000_000


@pytest.fixture
def group(project: Any) -> ContainerGroup:
    """A pending group with a credential and three replicas."""
    credential = make_credential(project.organization, HOST)
    return make_group(project, f"{HOST}/team/app:1.0", credential=credential, replicas=3)


def fresh(group: ContainerGroup) -> ContainerGroup:
    return ContainerGroup.objects.select_related("image__credential").get(pk=group.pk)


def sentence(group: ContainerGroup) -> str:
    return story.tell(fresh(group)).sentence


def pulling(group: ContainerGroup, *steps: str, attempt: int = 1) -> None:
    """Have the pull stand in the last of `steps`."""
    Image.objects.filter(pk=group.image_id).update(status="pulling", attempt=attempt)
    for name in steps:
        done = name != steps[-1]
        PullStep.objects.create(
            image=group.image,
            attempt=attempt,
            name=name,
            outcome="ok" if done else "running",
            finished_at=timezone.now() if done else None,
        )


def add_layers(group: ContainerGroup, *rows: tuple[int, int]) -> None:
    """Layers as (size, received) in bytes; those that are whole are committed."""
    for position, (size, received) in enumerate(rows):
        Layer.objects.create(
            image=group.image,
            position=position,
            media_type="layer",
            digest=f"sha256:{position:064x}",
            size=size,
            received=received,
            committed_at=timezone.now() if size == received else None,
        )


def at_state(group: ContainerGroup, *states: str, node: Node | None = None) -> None:
    for state in states:
        Instance.objects.create(group=group, state=state, node=node)


def test_a_pull_that_no_worker_has_taken_waits(group: ContainerGroup) -> None:
    assert "Waiting for a worker" in sentence(group)


def test_layers_are_told_with_bytes_and_what_time_is_left(group: ContainerGroup) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        pulling(group, "resolve", "connect", "authenticate", "manifest", "platform", "size", "layers")
        clock.shift(4)
        add_layers(group, *[(100 * MB, 100 * MB)] * 3, (390 * MB, 12 * MB), *[(100 * MB, 0)] * 3)

        # 312 MB came in 4 s, so that the other 678 MB take 8.7 s.
        assert sentence(group) == "Pulling layer 4 of 7, 312 of 990 MB, 78 MB/s, about 9 s left."


def test_what_an_earlier_attempt_left_does_not_count_as_speed(group: ContainerGroup) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        add_layers(group, (500 * MB, 500 * MB), (500 * MB, 50 * MB))
        clock.shift(60)
        pulling(group, "layers", attempt=2)
        clock.shift(10)

        assert "about 90 s left" in sentence(group) or "about 2 min left" in sentence(group)


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

    told = story.tell(fresh(group))
    assert "The registry can't be reached" in told.sentence
    assert "ttempt 2 of 5" in told.sentence
    assert told.next_attempt is not None


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


def test_who_waits_for_a_node_hears_why_none_comes(group: ContainerGroup) -> None:
    ContainerGroup.objects.filter(pk=group.pk).update(status="deploying", cpu=2, memory_mb=2048)
    at_state(group, "allocating")
    why = "No node has 2 CPU and 2,048 MB free right now."
    assert sentence(group) == f"0 of 3 running, 1 waiting for a node. {why}"
    before = group_version(group.project_id, group.name, "member")

    node = Node.objects.create(name="n", public_key="k", cpu=4, memory_mb=4096, last_seen_at=timezone.now())
    assert why not in sentence(group)
    assert group_version(group.project_id, group.name, "member") != before

    for change in ({"cpu": 1}, {"status": "cordoned"}, {"last_seen_at": timezone.now() - timedelta(minutes=1)}):
        Node.objects.update(cpu=4, status="active", last_seen_at=timezone.now())
        Node.objects.filter(pk=node.pk).update(**change)
        assert why in sentence(group)
        assert group_version(group.project_id, group.name, "member") == before

    Node.objects.update(last_seen_at=timezone.now())
    at_state(group, "running", "running", node=node)
    assert why in sentence(group)


def failed(group: ContainerGroup, **values: Any) -> Failure:
    ContainerGroup.objects.filter(pk=group.pk).update(status="failed")
    row: dict[str, Any] = {"step": "authenticate", "code": "authentication_failed", "params": {"host": HOST}}
    return Failure.objects.create(
        organization_id=group.organization_id,
        group=group,
        group_name=group.name,
        reference=group.image.reference,
        registry=HOST,
        **row | values,
    )


def test_a_failed_group_says_what_failed(group: ContainerGroup) -> None:
    failed(group)

    assert "did not accept the credentials" in sentence(group)


def test_steps_come_in_their_order_with_those_that_wait(group: ContainerGroup) -> None:
    with time_machine.travel(NOON, tick=False):
        pulling(group, "resolve", "connect", "authenticate")

    lines = story.tell(fresh(group)).steps
    assert [line.name for line in lines] == PullStep.Name.values
    assert [line.outcome for line in lines[:4]] == ["ok", "ok", "running", "waiting"]
    assert lines[0].seconds == 0


def test_a_failure_keeps_its_steps_and_marks_the_broken_one(group: ContainerGroup) -> None:
    pulling(group, "resolve", "connect", "authenticate")
    group.image.steps.filter(name="authenticate").update(outcome="failed", raw="401 UNAUTHORIZED")
    row = failed(group, trace=trace(fresh(group).image))
    group.image.steps.all().delete()

    lines = {line.name: line for line in trace_lines(row)}
    assert [name for name, line in lines.items() if line.outcome == "failed"] == ["authenticate"]
    assert lines["authenticate"].raw == "401 UNAUTHORIZED"
    assert lines["authenticate"].detail == row.words.title
    assert lines["layers"].outcome == "waiting"
    assert list(lines) == PullStep.Name.values


@pytest.mark.parametrize(
    ("detail", "spared"),
    [
        ("Destroyed", False),
        ("Destroyed already: a member removed it", False),
        ("Kept for other groups until 04:45 UTC at most", True),
        ("Kept until another pull that uses it has ended", True),
        ("There was none", True),
    ],
)
def test_only_what_was_destroyed_is_told_as_destroyed(group: ContainerGroup, detail: str, spared: bool) -> None:
    pulling(group, "store", "destroy")
    PullStep.objects.filter(image=group.image).update(outcome="ok", detail=detail)

    assert [line.name for line in story.tell(fresh(group)).steps if line.spared] == (["destroy"] if spared else [])


def test_an_old_record_of_steps_that_are_no_more_is_still_shown(group: ContainerGroup) -> None:
    row = failed(group, trace=[{"name": "abolished", "outcome": "ok"}], code="abolished_code")

    assert trace_lines(row)
    assert row.words.title


def test_the_number_of_queries_does_not_grow(group: ContainerGroup) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as few:
        story.tell(fresh(group))
    node = Node.objects.create(name="n", public_key="k")
    at_state(group, *["running"] * 10, node=node)
    add_layers(group, *[(MB, MB)] * 10)
    for number in range(5):
        token = make_token(group, node, number)
        Redemption.objects.create(token=token, outcome="refused", reason="replayed")
    failed(group)

    with CaptureQueriesContext(connection) as many:
        told = story.tell(fresh(group))
        assert [token.refusals[0].words for token in told.deliveries]
    assert len(many) <= len(few) + 1, "at most the refusals are asked for besides"


def make_token(group: ContainerGroup, node: Node, number: int = 0) -> NodeToken:
    return NodeToken.objects.create(
        token_hash=f"{number:064x}",
        organization_id=group.organization_id,
        group=group,
        group_name=group.name,
        image=group.image,
        node=node,
        node_name=node.name,
        manifest_digest=f"sha256:{'a' * 64}",
        expires_at=timezone.now() + timedelta(minutes=5),
    )


def _step_ends(group: ContainerGroup) -> None:
    PullStep.objects.filter(image=group.image).update(outcome="ok", finished_at=timezone.now())


def _credential_goes(group: ContainerGroup) -> None:
    from registries.actions import destroy

    destroy(group.image.credential_id, because="settled")


def _token_is_redeemed(group: ContainerGroup) -> None:
    NodeToken.objects.filter(group=group).update(redeemed_at=timezone.now(), redeemed_from="192.0.2.1")


def _replay_is_refused(group: ContainerGroup) -> None:
    Redemption.objects.create(token=group.tokens.get(), outcome="refused", reason="replayed")


CHANGES = [
    lambda group: move(fresh(group), to="stopped"),
    lambda group: Layer.objects.filter(image=group.image).update(received=7),
    lambda group: PullStep.objects.create(image=group.image, attempt=1, name="connect"),
    _step_ends,
    _credential_goes,
    lambda group: Image.objects.filter(pk=group.image_id).update(not_before=timezone.now()),
    lambda group: at_state(group, "allocating"),
    lambda group: Instance.objects.filter(group=group).update(progress=40),
    lambda group: Instance.objects.filter(group=group).update(message="Disk full on this node"),
    lambda group: Instance.objects.filter(group=group).delete(),
    lambda group: make_token(group, Node.objects.get(), 2),
    _token_is_redeemed,
    lambda group: NodeToken.objects.filter(group=group).update(manifest_sent_at=timezone.now()),
    lambda group: NodeToken.objects.filter(group=group).update(ended_at=timezone.now(), ended_because="delivered"),
    _replay_is_refused,
    lambda group: group.tokens.get().layer_deliveries.create(digest="sha256:0", sent_bytes=10),
]


@pytest.mark.parametrize("number", range(len(CHANGES)))
def test_whatever_the_page_shows_changes_its_version(group: ContainerGroup, number: int) -> None:
    node = Node.objects.create(name="n", public_key="k")
    pulling(group, "resolve")
    add_layers(group, (MB, 0))
    at_state(group, "downloading", node=node)
    make_token(group, node)
    before = group_version(group.project_id, group.name, "member")

    assert group_version(group.project_id, group.name, "member") == before
    assert group_version(group.project_id, group.name, "viewer") != before
    CHANGES[number](group)
    assert group_version(group.project_id, group.name, "member") != before


def test_telling_whether_the_page_changed_takes_one_query(
    group: ContainerGroup, django_assert_num_queries: Any
) -> None:
    group = fresh(group)
    with django_assert_num_queries(1):
        group_version(group.project_id, group.name, "member")


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
    assert story.poll_seconds(status, instances) == seconds
