"""What a node does with its instances, from an order of the portal to the end."""

from __future__ import annotations

import pytest

from groups.agent.order import PullFailed
from groups.agent.portal import Orders
from groups.agent.runtime import Container, NoRuntime, NotStarted
from tests.support.agent_machine import DIGEST, ID, OTHER, SECOND, Machine, start_of


def test_an_order_is_fetched_and_run(machine: Machine) -> None:
    machine.poll(start=[start_of(size=7)])

    (order,) = machine.puller.orders
    assert (order.image, order.node_id, order.token, order.secure, order.size) == (
        f"portal.example/acme/app@{DIGEST}", "node-1", "drt_secret", True, 7,
    )  # fmt: skip
    assert order.key_file == machine.folder / "node.key"
    assert machine.runtime.calls == [("take", DIGEST), ("create", ID), ("start", ID)]
    assert not machine.instances.are_settled
    assert [machine.states() for _ in range(3)] == [["creating"], ["running"], ["running"]]
    assert machine.instances.are_settled


def test_progress_is_reported_up_to_a_hundred(machine: Machine) -> None:
    seen: list[dict[str, object]] = []

    def look(order: object) -> None:
        machine.puller.orders[0].progress(130, "x" * 400)
        seen.extend(machine.instances.reports())
        assert machine.files() == []

    machine.puller.then = look
    machine.poll(start=[start_of()])
    assert seen == [{"id": ID, "state": "downloading", "progress": 100, "message": "x" * 300}]
    assert machine.poll()[0] == {"id": ID, "state": "creating", "progress": 0, "message": ""}


def test_an_id_that_is_none_is_refused(machine: Machine) -> None:
    machine.poll(start=[start_of(name) for name in ("../../etc/passwd", ID.upper() + "x", f"{ID}\n")])
    assert (machine.poll(), machine.files(), machine.puller.orders) == ([], [], [])


def test_a_stop_ends_and_leaves_nothing(running: Machine) -> None:
    running.poll(start=[start_of(SECOND, OTHER)])
    running.runtime.calls.clear()
    running.poll(stop=[ID])
    assert running.runtime.calls == [("end", ID), ("remove", ID)]
    assert (running.files(), running.runtime.images) == ([f"{SECOND}.json"], {OTHER})
    assert [report["id"] for report in running.poll()] == [SECOND]


def test_a_stop_while_it_is_fetched_starts_nothing(machine: Machine) -> None:
    machine.puller.then = lambda order: machine.instances.carry_out(Orders(start=[], stop=[ID]), [])
    machine.poll(start=[start_of()])
    assert [name for name, _ in machine.runtime.calls] == ["end", "remove"]
    assert (machine.runtime.images, machine.files(), machine.poll()) == (set(), [], [])


def test_a_stop_while_an_image_is_found_here_starts_nothing(running: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def has(digest: str) -> bool:
        running.instances.carry_out(Orders(start=[], stop=[SECOND]), [])
        return True

    monkeypatch.setattr(running.runtime, "has", has)
    running.poll(start=[start_of(SECOND)])
    assert running.runtime.calls == [("end", SECOND), ("remove", SECOND)]
    assert running.files() == [f"{ID}.json"]


@pytest.mark.parametrize("error", [PullFailed("a layer was tampered with"), OSError("secret path")])
def test_what_can_not_be_fetched_is_given_back(machine: Machine, error: Exception) -> None:
    def fail(order: object) -> None:
        raise error

    machine.puller.then = fail
    machine.poll(start=[start_of()])
    assert [name for name, _ in machine.runtime.calls if name != "remove"] == []
    (report,) = machine.poll()
    reason = "OSError" if isinstance(error, OSError) else "a layer was tampered with"
    assert (report["state"], report["message"]) == ("allocating", f"given back: {reason}")
    assert machine.poll() == []


def test_a_container_that_can_not_be_created_is_removed_and_given_back(machine: Machine) -> None:
    machine.runtime.fails_at = "create"
    machine.poll(start=[start_of()])
    assert machine.runtime.calls[-1] == ("remove", ID)
    assert machine.poll()[0]["message"] == "given back: podman said no"
    assert machine.files() == []


def test_what_is_given_back_stays_until_the_portal_knows_it(running: Machine) -> None:
    running.runtime.present.clear()
    running.instances.settle()
    running.instances.carry_out(Orders(start=[], stop=[]), [])
    assert running.states() == ["allocating"]
    assert running.states() == []


@pytest.mark.parametrize(
    ("policy", "code", "state"),
    [
        ("always", 0, "creating"),
        ("always", 1, "creating"),
        ("on_failure", 0, "exited"),
        ("on_failure", 1, "creating"),
        ("never", 0, "exited"),
        ("never", 1, "exited"),
    ],
)
def test_what_follows_an_end_by_itself(machine: Machine, policy: str, code: int, state: str) -> None:
    machine.poll(start=[start_of(restart_policy=policy)])
    machine.runtime.present[ID] = Container(False, code)
    (report,) = machine.poll()
    assert (report["state"], report["exit_code"]) == (state, code)
    machine.runtime.calls.clear()
    machine.now += 3600
    machine.poll()
    assert machine.runtime.calls == ([("start", ID)] if state == "creating" else [])


def end_again(machine: Machine) -> float:
    """Let the container end, and return the pause until it is started again."""
    machine.runtime.present[ID] = Container(False, 1)
    machine.poll()
    began = machine.now
    machine.runtime.calls.clear()
    while not machine.runtime.calls:
        machine.now += 5
        machine.poll()
    assert machine.runtime.calls == [("start", ID)]
    return machine.now - began


def test_pauses_double_up_to_five_minutes_and_begin_again(running: Machine) -> None:
    assert [end_again(running) for _ in range(7)] == [10, 20, 40, 80, 160, 300, 300]
    running.now += 590
    assert end_again(running) == 300
    running.now += 600
    assert end_again(running) == 10


def test_a_command_that_can_not_be_started_has_ended(machine: Machine) -> None:
    machine.runtime.not_started = NotStarted("no such file", 127)
    machine.poll(start=[start_of(restart_policy="never")])
    assert machine.poll()[0] == {
        "id": ID, "state": "exited", "progress": 0, "message": "no such file", "exit_code": 127,
    }  # fmt: skip


def test_a_new_container_has_not_ended_yet(machine: Machine) -> None:
    machine.poll(start=[start_of(restart_policy="never")])
    machine.runtime.present[ID] = Container(False, 3)
    assert machine.poll()[0]["exit_code"] == 3
    machine.poll(recreate=[ID])
    assert machine.poll() == [{"id": ID, "state": "creating", "progress": 0, "message": ""}]


def test_restart_keeps_the_container_and_recreate_does_not(running: Machine) -> None:
    running.poll(restart=[ID])
    assert running.runtime.calls == [("end", ID), ("start", ID)]
    assert [running.states() for _ in range(2)] == [["creating"], ["running"]]
    running.runtime.calls.clear()
    running.poll(recreate=[ID])
    assert running.runtime.calls == [("create", ID), ("start", ID)]
    assert [running.states() for _ in range(2)] == [["creating"], ["running"]]
    running.poll(restart=[SECOND], recreate=[SECOND], stop=[SECOND])
    assert len(running.runtime.calls) == 2


def test_an_end_by_itself_is_reported_even_if_a_poll_gets_lost(running: Machine) -> None:
    """The next start is seen by the portal as one only if it has seen the end."""
    running.runtime.present[ID] = Container(False, 1)
    running.instances.settle()
    running.now += 10
    running.instances.settle()
    assert [running.states() for _ in range(2)] == [["creating"], ["running"]]


def test_an_instance_that_is_ordered_again_is_new(running: Machine) -> None:
    running.poll(start=[start_of(digest=OTHER)])
    assert running.runtime.calls == [("remove", ID), ("take", OTHER), ("create", ID), ("start", ID)]
    assert running.puller.orders[0].cancelled.is_set()
    assert [report["state"] for report in running.poll()] == ["creating"]


def test_a_runtime_that_does_not_answer_changes_nothing(running: Machine) -> None:
    running.runtime.fails_at = "containers"
    assert running.states() == ["running"]


def test_without_a_runtime_it_is_only_fetched(machine: Machine) -> None:
    machine.begin(NoRuntime("none here"))
    machine.poll(start=[start_of()])
    (report,) = machine.poll()
    assert (report["state"], report["message"]) == ("creating", "delivered and decrypted; none here")
    assert machine.instances.are_settled
    assert [path.name for path in (machine.folder / "images").iterdir()] == ["a" * 64]


class TestAfterTheNodesEnd:
    def test_a_running_container_goes_on(self, running: Machine) -> None:
        running.instances.close()
        running.begin()
        assert running.runtime.calls == []
        assert running.states() == ["running"]

    def test_ended_with_the_node_it_is_started_with_it(self, running: Machine) -> None:
        running.instances.close(end_containers=True)
        assert running.runtime.calls == [("end", ID)]
        running.runtime.present[ID] = Container(False, 143)
        running.begin()
        assert running.runtime.calls == [("end", ID), ("start", ID)]
        running.begin()
        assert len(running.runtime.calls) == 2

    def test_one_that_ended_in_between_has_ended(self, running: Machine) -> None:
        running.runtime.present[ID] = Container(False, 3)
        running.begin()
        assert running.runtime.calls == []
        assert (running.poll()[0]["state"], running.poll()[0]["exit_code"]) == ("creating", 3)

    def test_one_that_was_never_started_is_started(self, running: Machine) -> None:
        running.runtime.present[ID] = Container(False, None)
        running.begin()
        assert running.runtime.calls == [("start", ID)]

    def test_without_its_container_it_is_created(self, running: Machine) -> None:
        running.runtime.present.clear()
        running.begin()
        assert running.runtime.calls == [("create", ID), ("start", ID)]

    def test_without_its_image_too_it_is_forgotten(self, running: Machine) -> None:
        running.runtime.present.clear()
        running.runtime.images.clear()
        running.begin()
        assert (running.poll(), running.files(), running.runtime.calls) == ([], [], [])

    def test_containers_and_images_of_nobody_are_removed(self, running: Machine) -> None:
        running.runtime.present[SECOND] = Container(True, None)
        running.runtime.images.add(OTHER)
        running.begin()
        assert running.runtime.calls == [("remove", SECOND)]
        assert running.runtime.images == {DIGEST}
