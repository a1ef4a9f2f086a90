"""What becomes of an instance whose container ended, and of its group."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from groups.actions.lifecycle import start
from groups.models import ContainerGroup, Instance, NodeToken
from groups.nodes import restarts
from groups.rules.replicas import top_up
from registries.foundation.actor import CONSOLE
from tests.support.database_clock import Clock, clock
from tests.support.delivery_setup import NodeInHand, make_group, prepare_all, started
from tests.support.node_reports import listed

pytestmark = pytest.mark.slow

__all__ = ["clock"]


def group() -> ContainerGroup:
    return ContainerGroup.objects.get()


def running(acme: Any, image: Any, node: NodeInHand, policy: str, **fields: Any) -> dict[str, Any]:
    """A group with that restart policy, whose one instance runs."""
    given = started(make_group(acme, image, restart_policy=policy, **fields), node)
    assert given["restart_policy"] == policy
    node.poll(listed(given, "running"))
    assert group().status == "running"
    return given


def due() -> None:
    Instance.objects.update(order_due_at=timezone.now() - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("policy", "code", "status"),
    [
        ("on_failure", 0, "succeeded"),
        ("never", 0, "succeeded"),
        ("never", 3, "stopped"),
    ],
)
def test_an_end_for_good(acme: Any, image: Any, node: NodeInHand, policy: str, code: int, status: str) -> None:
    given = running(acme, image, node, policy)

    assert node.poll(listed(given, "exited", exit_code=code)).json() == {"start": [], "stop": [given["instance"]]}

    assert not Instance.objects.exists()
    assert group().status == status
    assert (group().succeeded_replicas, group().failed_replicas, group().last_exit_code) == ((1, 0, None), (0, 1, 3))[
        code != 0
    ]
    assert top_up() == 0
    assert node.poll().json() == {"start": [], "stop": []}
    # It can be started again, and counts afresh.
    start(group(), by=CONSOLE)
    assert (group().status, group().succeeded_replicas, group().failed_replicas) == ("deploying", 0, 0)
    assert Instance.objects.count() == 1


@pytest.mark.parametrize(("policy", "code"), [("always", 0), ("always", 3), ("on_failure", 3)])
def test_an_end_that_is_started_again(acme: Any, image: Any, node: NodeInHand, policy: str, code: int) -> None:
    given = running(acme, image, node, policy)

    # Not before the wait is over, however often it is said.
    for _ in range(2):
        answer = node.poll(listed(given, "exited", exit_code=code)).json()
        assert answer == {"start": [], "stop": []}
    instance = Instance.objects.get()
    assert (instance.state, instance.exits, instance.exit_code) == ("creating", 1, code)
    assert instance.message == f"Ended with exit code {code}; starts again in 10 s."
    assert group().status == "deploying"

    due()
    # An answer may be lost: it is said until the node has begun.
    for _ in range(2):
        answer = node.poll(listed(given, "exited", exit_code=code)).json()
        assert answer == {"start": [], "stop": [], "restart": [given["instance"]]}
    assert node.poll(listed(given, "creating")).json() == {"start": [], "stop": []}
    node.poll(listed(given, "running"))
    assert (Instance.objects.get().state, group().status) == ("running", "running")


def test_the_wait_doubles_and_is_reset_after_a_steady_run(acme: Any, image: Any, node: NodeInHand) -> None:
    given = running(acme, image, node, "always")
    waits = []
    for _ in range(4):
        node.poll(listed(given, "exited", exit_code=0))
        left = Instance.objects.get().order_due_at
        assert left is not None
        waits.append(round((left - timezone.now()).total_seconds()))
        node.poll(listed(given, "creating"))
        node.poll(listed(given, "running"))
    assert waits == pytest.approx([10, 20, 40, 80], abs=2)
    assert restarts.wait_seconds(10**6) == 300

    assert [restarts.wait_seconds(exits) for exits in (1, 5, 6)] == [10, 160, 300]


def test_when_a_container_is_started_again_and_when_it_counts_as_steady(
    clock: Clock, acme: Any, image: Any, node: NodeInHand
) -> None:
    given = running(acme, image, node, "always")
    exits = []
    for steady in (0, 599, 600, 601):
        clock.shift(steady)
        node.poll(listed(given, "exited", exit_code=0))
        instance = Instance.objects.get()
        exits.append(instance.exits)
        wait = {1: 10, 2: 20}[instance.exits]
        clock.shift(wait - 1)
        assert "restart" not in node.poll(listed(given, "exited", exit_code=0)).json()
        clock.shift(1)
        assert node.poll(listed(given, "exited", exit_code=0)).json()["restart"] == [given["instance"]]
        node.poll(listed(given, "creating"))
        node.poll(listed(given, "running"))
    assert exits == [1, 2, 1, 1], "after ten minutes"


@pytest.mark.parametrize("by_node", [True, False])
def test_what_keeps_failing_is_tried_on_another_node(
    acme: Any, image: Any, node: NodeInHand, other_node: NodeInHand, by_node: bool
) -> None:
    given = running(acme, image, node, "on_failure")
    for _ in range(4):
        node.poll(listed(given, "creating" if by_node else "exited", exit_code=1))
        node.poll(listed(given, "creating"))
        node.poll(listed(given, "running"))
    answer = node.poll(listed(given, "creating" if by_node else "exited", exit_code=1)).json()

    instance = Instance.objects.get()
    assert (instance.state, instance.node, instance.exits) == ("allocating", None, 5)
    assert instance.message == "Ended 5 times in a row, last with exit code 1: another node tries."
    assert answer["stop"] == [given["instance"]]
    assert group().status == "deploying"
    node.poll()
    assert Instance.objects.get().node is None
    other_node.poll()
    assert Instance.objects.get().node == other_node.row


def test_only_running_is_steady(acme: Any, image: Any, node: NodeInHand) -> None:
    given = running(acme, image, node, "always")
    Instance.objects.update(state="creating", exits=2, changed_at=timezone.now() - timedelta(hours=1))
    node.poll(listed(given, "exited", exit_code=0))
    assert Instance.objects.get().exits == 3


@pytest.mark.parametrize(("exits", "code", "leaves"), [(9, 1, True), (10, 1, False), (4, 0, False), (3, 1, False)])
def test_each_fifth_failure_in_a_row_moves_it_on(
    acme: Any, image: Any, node: NodeInHand, exits: int, code: int, leaves: bool
) -> None:
    given = running(acme, image, node, "always")
    Instance.objects.update(exits=exits)
    node.poll(listed(given, "exited", exit_code=code))
    assert (Instance.objects.get().node is None) == leaves


def test_what_one_nodes_instance_does_is_no_other_groups_affair(
    acme: Any, image: Any, node: NodeInHand, other_node: NodeInHand
) -> None:
    given = running(acme, image, node, "never")
    theirs = started(make_group(acme, image, "theirs", restart_policy="never"), other_node)
    bearer = other_node.bearer(theirs["token"])
    node.poll(listed(given, "exited", exit_code=3))
    other = ContainerGroup.objects.get(name="theirs")
    assert (other.status, other.failed_replicas, other.succeeded_replicas) == ("deploying", 0, 0)
    assert other_node.client.get("/v2/", headers=bearer).status_code == 200
    assert other_node.poll(listed(theirs, "running")).json() == {"start": [], "stop": []}


def test_a_job_that_was_over_between_two_polls(acme: Any, image: Any, node: NodeInHand) -> None:
    given = started(make_group(acme, image, restart_policy="never"), node)
    node.poll(listed(given, "exited", exit_code=0))
    assert group().status == "succeeded"
    assert NodeToken.objects.get().ended_because == "delivered"


def test_a_group_is_over_when_all_of_it_is(acme: Any, image: Any, node: NodeInHand, other_node: NodeInHand) -> None:
    start(make_group(acme, image, restart_policy="never", replicas=2), by=CONSOLE)
    given = []
    for machine in (node, other_node):
        machine.poll(cpu=1)
        prepare_all()
        given += machine.poll(cpu=1).json()["start"]
    node.poll(listed(given[0], "running"))
    other_node.poll(listed(given[1], "exited", exit_code=7))
    assert (group().status, group().failed_replicas) == ("running", 1)
    node.poll(listed(given[0], "exited", exit_code=0))
    assert (group().status, group().succeeded_replicas, group().failed_replicas) == ("stopped", 1, 1)


@pytest.mark.parametrize("code", [None, -1, 256, "0", True])
def test_exit_codes_that_are_none(acme: Any, image: Any, node: NodeInHand, code: Any) -> None:
    given = running(acme, image, node, "never")
    assert node.poll(listed(given, "exited", exit_code=code)).status_code == 400
    assert Instance.objects.get().state == "running"
