"""The requests that wait for a thread: each client's turn comes in order, however many requests another one sent."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Protocol


class Task(Protocol):
    """What waits. Tasks with an equal `owner` wait for each other."""

    @property
    def owner(self) -> Hashable:
        """Whose it is."""


class FairQueue:
    """Replaces the `deque` of waitress's dispatcher, which locks it."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[Hashable, deque[Task]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, task: Task) -> None:
        """Add a task behind its owner's other ones."""
        self._waiting.setdefault(task.owner, deque()).append(task)
        self._count += 1

    def popleft(self) -> Task:
        """Remove and return the first task of the owner who has waited longest since the last one. Raises IndexError if
        there is none."""
        if not self._count:
            raise IndexError("nothing waits")
        owner, tasks = self._waiting.popitem(last=False)
        task = tasks.popleft()
        if tasks:
            self._waiting[owner] = tasks
        self._count -= 1
        return task
