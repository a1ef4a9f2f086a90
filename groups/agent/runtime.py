"""What is done with an image once it lies on the node: run it, or, where no container tool is, say so.

`NoRuntime` stands here; the one that runs containers is `groups.agent.podman`'s.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from groups.agent.portal import Start


class RuntimeFailed(Exception):
    """The container could not be made: the instance is given back with this text. It holds no secret."""


class NotStarted(Exception):
    """The container is there and its command could not be started; `exit_code` is what a shell would give."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Container:
    """A container as the runtime sees it. `exit_code` is that of its last end."""

    is_running: bool
    exit_code: int | None


class Runtime(Protocol):
    """Makes, starts and ends the containers of instances; one container for an instance, found again by its id.

    `look` and `runs` are asked by the polling thread and answer soon; all else may take its time.
    """

    @property
    def runs(self) -> bool:
        """Whether anything runs here."""

    @property
    def remark(self) -> str:
        """What is to be said with each instance; nothing where nothing is wanting."""

    def has(self, digest: str) -> bool:
        """Whether the image is in the runtime's store."""

    def take(self, digest: str, folder: Path) -> None:
        """Take the image in the folder into the store. Raises RuntimeFailed."""

    def keep_only(self, digests: Collection[str]) -> None:
        """Delete all other images."""

    def create(self, start: Start) -> None:
        """Make the instance's container anew. Raises RuntimeFailed."""

    def start(self, instance: str) -> None:
        """Start the container. Raises NotStarted."""

    def end(self, instance: str) -> None:
        """Ask the container to end, and make it after a grace."""

    def remove(self, instance: str) -> None:
        """End it at once where it still runs, and remove it. Its log stays."""

    def look(self) -> dict[str, Container]:
        """All containers there are, by instance."""


class NoRuntime:
    """Keeps images and runs nothing."""

    runs = False

    def __init__(self, reason: str = "this node has no container runtime") -> None:
        self.remark = f"delivered and decrypted; {reason}"

    def has(self, digest: str) -> bool:
        return False

    def take(self, digest: str, folder: Path) -> None:
        """The folder is all there is."""

    def keep_only(self, digests: Collection[str]) -> None:
        """There is no store."""

    def create(self, start: Start) -> None:
        """There is nothing that runs."""

    def start(self, instance: str) -> None:
        """There is nothing that runs."""

    def end(self, instance: str) -> None:
        """There is nothing that runs."""

    def remove(self, instance: str) -> None:
        """There is nothing that runs."""

    def look(self) -> dict[str, Container]:
        return {}
