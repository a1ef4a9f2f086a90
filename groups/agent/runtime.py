"""Running fetched images: the protocol of a runtime, and one that runs nothing, for nodes without a container tool.

`groups.agent.podman` has the one that runs containers.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from groups.agent.portal import Start


class RuntimeFailed(Exception):
    """The container can't be created; the instance is given back with this text, which contains no secret."""


class NotStarted(Exception):
    """The container exists and its command can't be started; `exit_code` is that of a shell."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Container:
    """A container's state. `exit_code` is that of its last end."""

    is_running: bool
    exit_code: int | None


class Runtime(Protocol):
    """Creates, starts and ends containers: one for each instance, named by its id.

    `containers` and `runs` are called by the polling thread and return soon; the others can take long.
    """

    @property
    def runs(self) -> bool:
        """Whether the runtime runs containers."""

    @property
    def remark(self) -> str:
        """A message to report with each instance, empty if nothing is missing."""

    def has(self, digest: str) -> bool:
        """Whether the image is in the runtime's store."""

    def take(self, digest: str, folder: Path) -> None:
        """Import the image in the folder into the store. Raises RuntimeFailed."""

    def keep_only(self, digests: Collection[str]) -> None:
        """Delete all other images."""

    def create(self, start: Start) -> None:
        """Create the instance's container, replacing an existing one. Raises RuntimeFailed."""

    def start(self, instance: str) -> None:
        """Start the container. Raises NotStarted."""

    def end(self, instance: str) -> None:
        """Ask the container to end, and kill it after a grace period."""

    def remove(self, instance: str) -> None:
        """Kill and remove the container. Its log stays."""

    def containers(self) -> dict[str, Container]:
        """All containers, by instance id. Raises RuntimeFailed."""


class NoRuntime:
    """Keeps images and runs nothing."""

    runs = False

    def __init__(self, reason: str = "this node has no container runtime") -> None:
        self.remark = f"delivered and decrypted; {reason}"

    def has(self, digest: str) -> bool:
        return False

    def take(self, digest: str, folder: Path) -> None:
        """Does nothing: the folder stays."""

    def keep_only(self, digests: Collection[str]) -> None:
        """Does nothing."""

    def create(self, start: Start) -> None:
        """Does nothing."""

    def start(self, instance: str) -> None:
        """Does nothing."""

    def end(self, instance: str) -> None:
        """Does nothing."""

    def remove(self, instance: str) -> None:
        """Does nothing."""

    def containers(self) -> dict[str, Container]:
        return {}
