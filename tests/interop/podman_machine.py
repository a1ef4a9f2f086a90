"""A machine on which the reference node runs containers with podman, seen from beside."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from groups.agent.podman import PREFIX
from groups.agent.podman_form import Form, environment, run_root
from tests.interop.agent import Agent
from tests.interop.delivery_portal import Portal


class PodmanMachine:
    """A node's machine: its data folder, the agents that ran there, and its podman seen from beside."""

    def __init__(self, portal: Portal, data: Path) -> None:
        self.portal, self.data = portal, data
        self.agents: list[Agent] = []

    def start(self, *options: str) -> Agent:
        usual = ("--network", "none", "--restart-wait", "0.5", "--grace", "1")
        self.agents.append(Agent(self.portal, self.data, *usual, *options))
        return self.agents[-1]

    def podman(self, *arguments: str) -> str:
        folder = self.data / "podman"
        form = Form(**json.loads((folder / "form.json").read_bytes()))
        command = [*form.command(folder), *arguments]
        return subprocess.run(
            command, env=environment(folder), check=True, stdout=subprocess.PIPE, text=True, timeout=60
        ).stdout

    def containers(self) -> list[str]:
        return self.podman("ps", "--all", "--format", "{{.Names}}").split()

    def process(self, instance: str) -> int:
        """The container's first process."""
        return int(self.podman("inspect", "--format", "{{.State.Pid}}", PREFIX + instance))

    def log(self, instance: str) -> str:
        """What the container said, without times and streams."""
        path = self.data / "logs" / f"{instance}.log"
        lines = path.read_text().splitlines() if path.exists() else []
        return "\n".join(line.split(" ", 3)[3] for line in lines)

    def until_said(self, instance: str, said: str) -> None:
        self.portal.until(lambda: self.log(instance) == said)

    def clear(self) -> None:
        """End the agents, then the containers and with them their mounts."""
        for agent in self.agents:
            if agent.process.poll() is None:
                agent.process.kill()
                agent.wait()
        if (self.data / "podman" / "form.json").exists():
            self.podman("rm", "--all", "--force", "--time", "0")
        shutil.rmtree(run_root(self.data / "podman"), ignore_errors=True)
        mounts = Path("/proc/self/mounts").read_text()
        assert str(self.data) not in mounts
        assert not any(str(self.data) in line for line in _processes())


def _processes() -> Iterator[str]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            yield (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
