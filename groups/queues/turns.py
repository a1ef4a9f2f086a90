"""From which queue a worker takes next: the first ones first, but none is kept waiting by what comes before it.

Whoever can write to Redis can put any number of entries on a queue, and a worker forks for each that has the right
form.
"""

from __future__ import annotations

from collections.abc import Sequence

MAX_BEFORE_OTHERS = 10
"""How many entries of a queue are taken before one of the queues after it."""


class QueueTurns:
    """The order of a worker's queues. In a round each queue but the last has MAX_BEFORE_OTHERS entries; the round ends
    when all have had theirs, or have none left."""

    def __init__(self, queues: Sequence[str]) -> None:
        self._queues = tuple(queues)
        self._taken = dict.fromkeys(self._queues, 0)

    def order(self) -> list[str]:
        """The queues in the order in which to look for the next entry."""
        return sorted(self._queues, key=self._is_over)  # which keeps the order of those that are alike

    def note(self, queue: str) -> None:
        """Count an entry that was taken from this queue."""
        if self._is_over(queue) or queue == self._queues[-1]:  # there was nothing in the others, or all had their turn
            self._taken = dict.fromkeys(self._queues, 0)
        if queue != self._queues[-1]:
            self._taken[queue] += 1

    def _is_over(self, queue: str) -> bool:
        return self._taken[queue] >= MAX_BEFORE_OTHERS
