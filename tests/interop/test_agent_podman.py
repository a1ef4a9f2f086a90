"""The reference node with podman: a group's containers run for real, from the order to the end, over kill −9."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.agent import Agent
from tests.interop.busybox import PRINTED
from tests.interop.delivery_portal import Portal
from tests.interop.podman_machine import PodmanMachine

pytestmark = pytest.mark.interop
FOREVER = "while :; do sleep 0.1; done"
MULTILINE = 'first line\nsecond "line" \\n\n'


@pytest.fixture
def machine(portal: Portal, tmp_path: Path) -> Iterator[PodmanMachine]:
    assert shutil.which("podman"), "these tests need podman"
    assert shutil.which("crun"), "these tests need crun"
    machine = PodmanMachine(portal, tmp_path / "node")
    yield machine
    machine.clear()


def state(portal: Portal, group: str) -> str:
    portal.prepare()
    found = portal.instances(group=group)
    return str(found[0][0]) if found else ""


def given(portal: Portal, agent: Agent) -> str:
    """The instance that the agent was assigned."""
    portal.until(lambda: agent.heard("start") or agent.process.poll() is not None or portal.prepare())
    ready = agent.heard("ready")[0]
    assert ready["runtime"] == "Podman", ready["remark"]
    return str(agent.heard("start")[0]["instance"])


def test_a_container_runs_and_survives_its_node(portal: Portal, machine: PodmanMachine) -> None:
    script = 'cat /srv/hello.txt; printf "%s|%s|%s" "$GREETING" "$PEM" "$#"; trap "exit 0" TERM; ' + FOREVER
    values = {"GREETING": "it's # fine = yes", "PEM": MULTILINE}
    command = ["/bin/busybox", "sh", "-c", script, "sh", "an argument", "another"]
    portal.busybox(name="runs", command=command, environment=values, restart_policy="always")
    agent = machine.start("--code", portal.code(name="runs"))
    instance = given(portal, agent)
    portal.until(lambda: state(portal, "runs") == "running")
    assert portal.group_status(group="runs") == "running"
    said = PRINTED.decode() + values["GREETING"] + "|" + MULTILINE + "|2"
    machine.until_said(instance, said)
    process = machine.process(instance)
    line = Path(f"/proc/{process}/cmdline").read_bytes()
    assert b"GREETING" not in line.replace(script.encode(), b"")

    # Killed, the node leaves the container alone; started again, it finds it and fetches nothing.
    agent.process.kill()
    agent.wait()
    again = machine.start()
    portal.until(lambda: again.heard("found"))
    portal.until(lambda: state(portal, "runs") == "running")
    assert machine.process(instance) == process
    assert again.heard("start") == []

    # It is gone from the machine when the group stops: container, image, secrets, the order itself.
    portal.stop(group="runs")
    portal.until(lambda: not state(portal, "runs") and again.heard("stopped"))
    assert machine.containers() == []
    assert machine.podman("images", "--quiet") == ""
    assert machine.podman("secret", "ls", "--quiet") == ""
    assert list((machine.data / "instances").iterdir()) == []
    assert not Path(f"/proc/{process}").exists()
    assert again.end() == (0, "")


def test_a_container_that_is_killed_is_started_again(portal: Portal, machine: PodmanMachine) -> None:
    script = "echo started; " + FOREVER
    portal.busybox(name="again", command=["/bin/sh", "-c", script], environment={}, restart_policy="always")
    agent = machine.start("--code", portal.code(name="again"))
    instance = given(portal, agent)
    portal.until(lambda: state(portal, "again") == "running")
    process = machine.process(instance)
    os.kill(process, signal.SIGKILL)
    portal.until(lambda: agent.heard("ended_by_itself"))
    assert agent.heard("ended_by_itself")[0]["exit_code"] == 128 + signal.SIGKILL
    portal.until(lambda: len(agent.heard("instance")) == 2 and state(portal, "again") == "running")
    assert machine.process(instance) != process
    machine.until_said(instance, "started\nstarted")

    # Ended with the node, it continues once the node starts again. It ignores SIGTERM: SIGKILL follows.
    agent.process.kill()
    agent.wait()
    third = machine.start("--end-containers")
    portal.until(lambda: third.heard("found"))
    assert third.end() == (0, "")
    assert machine.process(instance) == 0
    fourth = machine.start()
    portal.until(lambda: fourth.heard("instance") and machine.process(instance))
    portal.stop(group="again")
    portal.until(lambda: not state(portal, "again") and fourth.heard("stopped"))
    assert machine.containers() == []
    assert fourth.end() == (0, "")


def test_what_failed_is_started_again_until_it_succeeds(portal: Portal, machine: PodmanMachine) -> None:
    """Its files are kept from start to start, and an exit code of 0 is the end under this policy."""
    script = "echo x >> /count; wc -l < /count; [ $(wc -l < /count) = 3 ] || exit 7"
    portal.busybox(name="fails", command=["/bin/sh", "-c", script], environment={}, restart_policy="on_failure")
    agent = machine.start("--code", portal.code(name="fails"))
    instance = given(portal, agent)
    portal.until(lambda: not state(portal, "fails"))
    assert portal.group_status(group="fails") == "succeeded"
    assert [event["exit_code"] for event in agent.heard("ended_by_itself")] == [7, 7, 0]
    assert [event["state"] for event in agent.heard("ended_by_itself")] == ["creating", "creating", "exited"]
    assert machine.log(instance) == "1\n2\n3"
    portal.until(lambda: agent.heard("stopped"))
    assert machine.containers() == []
    assert agent.end() == (0, "")


def test_restart_keeps_its_files_and_recreate_does_not(portal: Portal, machine: PodmanMachine) -> None:
    script = "echo x >> /count; wc -l < /count; " + FOREVER
    portal.busybox(name="orders", command=["/bin/sh", "-c", script], environment={}, restart_policy="never")
    agent = machine.start("--code", portal.code(name="orders"))
    instance = given(portal, agent)
    portal.until(lambda: state(portal, "orders") == "running")
    for order, said in (("restart", "1\n2"), ("recreate", "1\n2\n1")):
        portal.order(group="orders", order=order)
        machine.until_said(instance, said)
        portal.until(lambda: state(portal, "orders") == "running")
    assert agent.heard("ended_by_itself") == []
    assert len(agent.heard("pulled")) == 1
    portal.stop(group="orders")
    portal.until(lambda: not state(portal, "orders") and agent.heard("stopped"))
    assert agent.end() == (0, "")


def test_a_command_that_is_not_there_is_said(portal: Portal, machine: PodmanMachine) -> None:
    portal.busybox(name="missing", command=["/bin/nothing"], environment={}, restart_policy="always")
    agent = machine.start("--code", portal.code(name="missing"), "--restart-wait", "30")
    given(portal, agent)

    def message() -> Any:
        portal.prepare()
        found = portal.instances(group="missing")
        return found and "can't be started" in found[0][1] and found[0][1]

    assert "/bin/nothing" in portal.until(message)
    assert "started again in 30 s" in portal.until(message)
    portal.stop(group="missing")
    portal.until(lambda: not state(portal, "missing") and agent.heard("stopped"))
    assert agent.end() == (0, "")
