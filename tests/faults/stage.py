"""A portal, a registry behind a proxy, and what is needed to hold pulls somewhere and see how they end."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.checker import OVER, Witness, violations
from tests.faults.portal import Portal, send
from tests.faults.proxy import FaultProxy
from tests.interop.docker_registry import DockerRegistry, write_layout
from tests.support.fakes.images import Built, build_image, make_layer

CANARY = b"canary-in-a-layer-93b1"
REPOSITORY = "team/app"
LEASE = 2.0
GRACE = 3.0
QUICK = {
    "PORTAL_LEASE_SECONDS": str(LEASE),
    "PORTAL_BLOB_GRACE_SECONDS": str(GRACE),
    "PORTAL_RETRY_PAUSE_SECONDS": "0.3",
    "PORTAL_PULL_RETRY_SECONDS": "60",
}
"""Everything that waits in operation, in tests' time."""


@dataclass(frozen=True)
class Pull:
    """A pull that a member began, by the ids of its rows."""

    name: str
    group: str
    image: str
    organization: str
    began: float


class PausableWorker:
    """A worker with its own folder of failpoints, which a test can pause."""

    def __init__(self, portal: Portal, **environment: str) -> None:
        self.folder = portal.failpoints / os.urandom(6).hex()
        self.folder.mkdir()
        self.process = portal.start_worker(PORTAL_FAILPOINTS_DIR=str(self.folder), **environment)

    def pause_at(self, point: str) -> None:
        """Pause every process of this worker that reaches the failpoint from now on."""
        (self.folder / point).touch()

    @property
    def is_listening(self) -> bool:
        """Whether the worker has started and waits for jobs."""
        return '"worker_listening"' in self.process.log.read_text()

    def resume(self) -> None:
        """Let all paused processes continue, and pause no more."""
        for path in self.folder.iterdir():
            path.unlink()

    def paused_at(self, point: str) -> int | None:
        """The id of the process that is paused at the failpoint, if any."""
        found = [int(path.name.split(".")[1]) for path in self.folder.glob(f"{point}.*.reached")]
        return found[0] if found else None


class Stage:
    """See the module."""

    def __init__(self, portal: Portal, registry: DockerRegistry, proxy: FaultProxy, built: Built) -> None:
        self.portal = portal
        self.registry = registry
        self.proxy = proxy
        self.built = built
        self.witness = Witness({registry.password.encode(): proxy.host}, {CANARY}, proxies=[proxy])
        self._numbers = itertools.count(1)

    def pull(self, tag: str = "1.0", repository: str = REPOSITORY) -> Pull:
        """Enter a credential and a group, in an organization of its own so that no pull finds another one's layers."""
        name = f"app-{next(self._numbers)}"
        slug = f"o-{name}-{os.urandom(3).hex()}"
        self.portal.calls.organization(slug=slug)
        made = self.portal.calls.create(
            organization=slug,
            name=name,
            reference=f"{self.proxy.host}/{repository}:{tag}",
            username=self.registry.user,
            password=self.registry.password,
        )
        if tag == "1.0":
            self.witness.layers[made["image"]] = self.built.layer_digests
        return Pull(name, made["group"], made["image"], made["organization"], made["began"])

    def status(self, pull: Pull) -> dict[str, Any]:
        found: dict[str, Any] | None = self.portal.calls.status(image=pull.image)
        assert found is not None, f"{pull.name} is gone"
        return found

    def settle(self, *pulls: Pull, seconds: float = 45) -> list[dict[str, Any]]:
        """Wait until all of these are over; return how they ended. Who died is replaced, as `up` does it."""

        def over() -> bool:
            self.portal.tend()
            return all(self.status(pull)["status"] in OVER for pull in pulls)

        self.portal.until(over, seconds)
        return [self.status(pull) for pull in pulls]

    def check(self, patience: float = 10.0) -> None:
        """Fail with everything that the checker finds."""
        found = violations(self.portal, self.witness, patience=patience)
        assert not found, "\n".join([*map(str, found), self.portal.log_tails()])

    def until(self, what: Any, seconds: float = 30) -> Any:
        return self.portal.until(what, seconds)

    def end_workers(self) -> None:
        """End every worker, once nobody does anything, and forget those that died: none is to be replaced any more.
        What they left is the checker's to find."""
        workers = [process for process in self.portal.processes if process.name.startswith("worker-")]
        self.until(lambda: not any(worker.horses() for worker in workers))
        for worker in workers:
            self.portal.end(worker)


def build() -> Built:
    """Three layers: a small one in clear, with a canary, and two of noise."""
    return build_image(
        [
            make_layer({"canary": CANARY * 50}, level=0),
            make_layer({"noise": os.urandom(400_000)}, level=0),
            make_layer({"more": os.urandom(1_500_000)}, level=0),
        ]
    )


def push(registry: DockerRegistry, folder: Path, built: Built, repository: str = REPOSITORY, tag: str = "1.0") -> None:
    """Push an image; the layout in `folder` is removed again."""
    registry.push(repository, tag, write_layout(folder, built))
    shutil.rmtree(folder)


def kill(pids: Iterable[int], number: int) -> None:
    """Send a signal to each."""
    for pid in pids:
        send(pid, number)
