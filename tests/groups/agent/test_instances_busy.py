"""What a node leaves to a thread of an instance while that works."""

from __future__ import annotations

import pytest

from groups.agent.runtime import Container
from tests.support.agent_machine import ID, Machine, start_of


def test_an_instance_whose_work_goes_on_is_left_to_it(running: Machine) -> None:
    """Its container may be between its end and its next start."""
    with running.busy():
        running.poll(restart=[ID])
        running.runtime.present[ID] = Container(False, 3)
        for orders in ({"restart": [ID]}, {"recreate": [ID]}, {}):
            assert running.poll(**orders) == [{"id": ID, "state": "creating", "progress": 0, "message": ""}]
        assert running.runtime.calls == []
    assert running.runtime.calls == [("end", ID), ("start", ID)]


def test_a_stop_is_carried_out_once_and_after_what_goes_on(running: Machine) -> None:
    with running.busy():
        running.poll(restart=[ID])
        for _ in range(2):
            assert running.poll(stop=[ID])[0]["state"] in ("creating", "stopping")
        assert running.states() == ["stopping"]
    assert running.runtime.calls == [("end", ID), ("start", ID), ("end", ID), ("remove", ID)]
    assert running.poll() == []


def test_what_is_being_removed_is_reported_until_it_is(running: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[dict[str, object]]] = []

    def keep_only(digests: object) -> None:
        running.instances.settle()
        seen.append(running.instances.reports())

    monkeypatch.setattr(running.runtime, "keep_only", keep_only)
    with running.busy():
        running.poll(stop=[ID])
    assert [[report["state"] for report in reports] for reports in seen] == [["stopping"]]


def test_a_start_that_is_due_is_one_start_and_leaves_none(machine: Machine) -> None:
    machine.poll(start=[start_of(restart_policy="on_failure")])
    machine.runtime.present[ID] = Container(False, 1)
    machine.poll()
    machine.now += 10
    machine.runtime.calls.clear()
    with machine.busy():
        machine.poll()
        machine.poll()
    machine.runtime.present[ID] = Container(False, 0)
    machine.poll()
    machine.now += 3600
    assert (machine.states(), machine.runtime.calls) == (["exited"], [("start", ID)])
