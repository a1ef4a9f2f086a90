"""The reference node as a real process against a running portal."""

from __future__ import annotations

import base64
import hashlib
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.agent import Agent
from tests.interop.delivery_portal import Portal
from tests.interop.skopeo_node import holds

pytestmark = pytest.mark.interop
NO_RUNTIME = "delivered and decrypted; this node has no container runtime"


@pytest.fixture
def agents(portal: Portal, tmp_path: Path) -> Iterator[Any]:
    """Start agents; those that a test leaves are ended."""
    started: list[Agent] = []

    def start(*options: str, data: Path | None = None) -> Agent:
        started.append(Agent(portal, data or tmp_path / "node", "--runtime", "none", *options))
        return started[-1]

    yield start
    for agent in started:
        if agent.process.poll() is None:
            agent.process.kill()
            agent.wait()


def image_folder(agent: Agent, started: dict[str, Any]) -> Path:
    return agent.data / "images" / str(started["image"]).rpartition(":")[2]


def state(portal: Portal, group: str) -> tuple[str, ...]:
    """Of the group's one instance."""
    portal.prepare()
    found = portal.instances(group=group)
    return tuple(found[0]) if found else ()


@pytest.mark.parametrize("puller", ["own", "skopeo"])
def test_an_agent_fetches_what_it_is_given(portal: Portal, agents: Any, puller: str) -> None:
    name = f"way-{puller}"
    image = portal.group(name=name, sizes=[5_000_000, 500_000, 10])
    agent = agents("--code", portal.code(name=name), "--puller", puller)
    portal.until(lambda: state(portal, name) == ("creating", NO_RUNTIME, "delivered"))
    (started,) = agent.heard("start")
    folder = image_folder(agent, started)
    assert holds(folder, image)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    listed = [(layer["mediaType"], layer["digest"], layer["size"]) for layer in manifest["layers"]]
    plain = [base64.b64decode(layer) for layer in image[1:]]
    wanted = "application/vnd.oci.image.layer.v1.tar+gzip"
    assert listed == [(wanted, f"sha256:{hashlib.sha256(raw).hexdigest()}", len(raw)) for raw in plain]
    assert (folder / "version").read_text() == "Directory Transport Version: 1.1\n"
    assert sorted(path.name for path in (agent.data / "drafts").iterdir()) == []
    assert portal.ledger(group=name) == [["opened", ""]]
    assert sorted(whole for whole, _ in portal.sent(group=name)) == [1, 1, 1]

    key = agent.data / "node.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.read_text().startswith("-----BEGIN PRIVATE KEY-----")
    portal.stop(group=name)
    portal.until(lambda: not state(portal, name))
    portal.until(lambda: not folder.exists() and agent.heard("stopped"))
    assert [event["event"] for event in agent.events] == ["enrolled", "ready", "start", "pulled", "instance", "stopped"]
    code, said = agent.end()
    assert (code, said) == (0, "")
    assert agent.events[-1]["event"] == "ended"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_survives_its_own_restart(portal: Portal, agents: Any, number: int) -> None:
    name = f"restart-{number}"
    image = portal.group(name=name, sizes=[1000])
    first = agents("--code", portal.code(name=name), "--puller", "own")
    portal.until(lambda: state(portal, name)[:1] == ("creating",))
    assert first.end(number) == (0, "")
    second = agents("--code", "used long ago", "--puller", "own")
    portal.until(lambda: second.heard("instance"))
    portal.until(lambda: state(portal, name) == ("creating", NO_RUNTIME, "delivered"))
    assert second.heard("ready")[0]["node"] == first.heard("ready")[0]["node"]
    assert not second.heard("enrolled")
    assert not second.heard("start")
    assert holds(image_folder(second, first.heard("start")[0]), image)
    portal.stop(group=name)
    portal.until(lambda: not state(portal, name))
    assert second.end() == (0, "")


def test_killed_in_mid_download_it_is_given_it_again(portal: Portal, agents: Any) -> None:
    image = portal.group(name="killed", sizes=[60_000_000])
    first = agents("--code", portal.code(name="killed"), "--puller", "own")
    portal.until(lambda: state(portal, "killed")[0] == "downloading" and first.heard("start"))
    first.process.kill()
    first.wait()
    second = agents("--puller", "own")
    portal.until(lambda: state(portal, "killed")[:1] == ("creating",))
    assert holds(image_folder(second, second.heard("start")[0]), image)
    portal.stop(group="killed")
    portal.until(lambda: not state(portal, "killed"))
    assert second.end() == (0, "")


@pytest.mark.parametrize("puller", ["own", "skopeo"])
def test_what_is_tampered_with_is_given_back(portal: Portal, agents: Any, puller: str) -> None:
    name = f"tampered-{puller}"
    portal.group(name=name, sizes=[100_000])
    portal.tamper(group=name)
    agent = agents("--code", portal.code(name=name), "--puller", puller)
    portal.until(lambda: state(portal, name) and agent.heard("failed"))
    portal.until(lambda: "given back" in state(portal, name)[2])
    assert list((agent.data / "images").iterdir()) == []
    portal.stop(group=name)
    portal.until(lambda: not state(portal, name))
    assert agent.end() == (0, "")


@pytest.mark.parametrize("puller", ["own", "skopeo"])
def test_a_stop_in_mid_download_ends_it(portal: Portal, agents: Any, puller: str) -> None:
    name = f"ended-{puller}"
    portal.group(name=name, sizes=[90_000_000])
    agent = agents("--code", portal.code(name=name), "--puller", puller)
    portal.until(lambda: state(portal, name)[0] == "downloading" and agent.heard("start"))
    portal.stop(group=name)
    portal.until(lambda: not state(portal, name))
    # Its session ended with the stop: the node may notice that before its next poll.
    portal.until(lambda: agent.heard("stopped") or agent.heard("failed"))
    assert list((agent.data / "images").iterdir()) == []
    assert agent.end() == (0, "")
    assert list((agent.data / "drafts").iterdir()) == []


def test_once_ends_when_what_was_given_is_here(portal: Portal, agents: Any) -> None:
    image = portal.group(name="once", sizes=[1000, 1000])
    agent = agents("--code", portal.code(name="once"), "--once")
    portal.until(lambda: state(portal, "once")[:1] == ("creating",))
    assert agent.wait() == (0, "")
    assert holds(image_folder(agent, agent.heard("start")[0]), image)
    portal.stop(group="once")


def test_a_code_that_is_no_good_is_said_and_ends_it(portal: Portal, agents: Any) -> None:
    agent = agents("--code", "dre_" + "A" * 43)
    code, said = agent.wait()
    assert (code, said) == (2, "")
    assert "code_refused" in agent.heard("refused")[0]["reason"]


def test_a_portal_that_does_not_answer_is_tried_again_more_slowly(agents: Any, portal: Portal, tmp_path: Path) -> None:
    nowhere = Portal("http://127.0.0.1:1", portal._steps)
    agent = Agent(nowhere, tmp_path / "alone", "--code", "x")
    portal.until(lambda: len(agent.heard("unreachable")) >= 3)
    waits = [event["wait"] for event in agent.heard("unreachable")[:3]]
    assert waits == [0.1, 0.2, 0.4]
    assert agent.end() == (0, "")
