"""What is done with an image once it lies on the node. This node has no container runtime and says so; one that
runs containers takes the place of `NoRuntime`."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from groups.agent.portal import Start


class Runtime(Protocol):
    """Creates and ends the containers of instances. Both are called from the polling thread and return soon."""

    def create(self, start: Start, image: Path) -> tuple[str, str]:
        """Have the instance run from the image in that folder; return its state and a line about it."""

    def end(self, instance: str) -> None:
        """End the instance's container, if there is one."""


class NoRuntime:
    """Keeps the image and leaves it at that."""

    def create(self, start: Start, image: Path) -> tuple[str, str]:
        return "creating", "delivered and decrypted; this node has no container runtime"

    def end(self, instance: str) -> None:
        """There is nothing that runs."""
