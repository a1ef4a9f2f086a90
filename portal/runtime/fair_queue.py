"""The requests that wait for a thread: each client's turn comes in order, however many requests another one sent."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable, Sequence
from typing import Protocol, TypeAlias


class Task(Protocol):
    """What waits."""

    @property
    def owner(self) -> Sequence[Hashable]:
        """Whose it is, in several parts, of all tasks as many. Tasks with an equal first part take turns among
        themselves by the second, and so on: the first part is what a client can't choose."""


_Turns: TypeAlias = "OrderedDict[Hashable, _Turns | deque[Task]]"


class FairQueue:
    """Replaces the `deque` of waitress's dispatcher, which locks it."""

    def __init__(self) -> None:
        self._waiting: _Turns = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, task: Task) -> None:
        """Add a task behind its owner's other ones."""
        turns, (*outer, last) = self._waiting, task.owner
        for part in outer:
            turns = turns.setdefault(part, OrderedDict())  # type: ignore[assignment]
        turns.setdefault(last, deque()).append(task)  # type: ignore[union-attr]
        self._count += 1

    def popleft(self) -> Task:
        """Remove and return the first task of the owner who has waited longest since the last one. Raises IndexError if
        there is none."""
        if not self._count:
            raise IndexError("nothing waits")
        self._count -= 1
        return _take(self._waiting)


def _take(turns: _Turns) -> Task:
    part, waiting = turns.popitem(last=False)
    task = waiting.popleft() if isinstance(waiting, deque) else _take(waiting)
    if waiting:
        turns[part] = waiting
    return task
