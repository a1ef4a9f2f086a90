"""A machine for the reference node without network and containers: what it was asked is written down."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from groups.agent import identity
from groups.agent.images import Images
from groups.agent.instances import Instances
from groups.agent.order import Order
from groups.agent.portal import Orders, Start
from groups.agent.runtime import Container, NoRuntime, NotStarted, Runtime, RuntimeFailed

DIGEST, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
ID, SECOND = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))


class FakeRuntime:
    """Containers and images by name; `calls` has what was done, in order."""

    runs, remark = True, ""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.present: dict[str, Container] = {}
        self.images: set[str] = set()
        self.fails_at = ""
        self.not_started: NotStarted | None = None

    def _call(self, name: str, what: str) -> None:
        self.calls.append((name, what))
        if name == self.fails_at:
            raise RuntimeFailed("podman said no")

    def has(self, digest: str) -> bool:
        return digest in self.images

    def take(self, digest: str, folder: Path) -> None:
        self._call("take", digest)
        self.images.add(digest)

    def keep_only(self, digests: Collection[str]) -> None:
        self.images &= set(digests)

    def create(self, start: Start) -> None:
        self._call("create", start.instance)
        self.present[start.instance] = Container(False, None)

    def start(self, instance: str) -> None:
        self._call("start", instance)
        if self.not_started is not None:
            raise self.not_started
        self.present[instance] = Container(True, None)

    def end(self, instance: str) -> None:
        self._call("end", instance)

    def remove(self, instance: str) -> None:
        self._call("remove", instance)
        self.present.pop(instance, None)

    def containers(self) -> dict[str, Container]:
        if self.fails_at == "containers":
            raise RuntimeFailed("podman is away")
        return dict(self.present)


class FakePuller:
    """Fetches at once, unless `then` does something else."""

    def __init__(self) -> None:
        self.orders: list[Order] = []
        self.then: Callable[[Order], object] = lambda order: None

    def pull(self, order: Order, folder: Path) -> None:
        self.orders.append(order)
        (folder / "manifest.json").write_text("{}")
        self.then(order)


class AtOnce:
    """A thread that has done its work when it was started."""

    def __init__(self, target: Callable[..., object], args: tuple[Any, ...] = (), daemon: bool = False) -> None:
        self.work: Callable[[], object] = lambda: target(*args)

    def start(self) -> None:
        self.work()

    def join(self, timeout: float | None = None) -> None:
        pass

    def is_alive(self) -> bool:
        return False


class Waiting(AtOnce):
    """A thread that has not begun yet; whoever joins it waits for its work."""

    queue: ClassVar[list[Waiting]] = []
    has_begun = False

    def start(self) -> None:
        self.queue.append(self)

    def join(self, timeout: float | None = None) -> None:
        if not self.has_begun:
            self.has_begun = True
            self.work()
            self.queue.remove(self)

    def is_alive(self) -> bool:
        return self in self.queue


class Machine:
    """The node on this machine; `begin` is its start, also after an end."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        identity.load(folder).joined("node-1", "https://portal.example")
        self.folder, self.runtime, self.puller, self.now = folder, FakeRuntime(), FakePuller(), 5000.0
        monkeypatch.setattr("groups.agent.instances.threading", SimpleNamespace(Thread=AtOnce))
        monkeypatch.setattr("groups.agent.instances.time", SimpleNamespace(monotonic=lambda: self.now))
        self.begin()

    def begin(self, runtime: NoRuntime | None = None) -> None:
        used: Runtime = runtime or self.runtime
        images = Images(self.folder, self.puller, used)
        self.instances = Instances(identity.load(self.folder), True, images, used)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """What is ordered in here takes until its end, and what was ordered last begins first."""
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("groups.agent.instances.threading", SimpleNamespace(Thread=Waiting))
            yield
            while Waiting.queue:
                Waiting.queue[-1].join()

    def poll(self, **orders: Any) -> list[dict[str, object]]:
        """One round; returns what the portal got."""
        self.instances.settle()
        reports = self.instances.reports()
        self.instances.carry_out(Orders(**{"start": [], "stop": [], **orders}), reports)
        return reports

    def states(self) -> list[object]:
        return [report["state"] for report in self.poll()]

    def files(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "instances").iterdir())


def start_of(instance: str = ID, digest: str = DIGEST, **more: Any) -> Start:
    return Start(instance, f"portal.example/acme/app@{digest}", "drt_secret", **more)
