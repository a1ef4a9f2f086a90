"""Turns of clients that wait for a thread."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from portal.runtime.fair_queue import FairQueue


@dataclass(frozen=True)
class Asked:
    client: str
    number: int = 1
    said: str = ""

    @property
    def owner(self) -> tuple[str, str]:
        return self.client, self.said


def served(queue: FairQueue, count: int) -> list[tuple[str, int]]:
    tasks = [queue.popleft() for _ in range(count)]
    return [(task.client, task.number) for task in tasks if isinstance(task, Asked)]


def test_one_client_with_many_requests_keeps_no_other_waiting() -> None:
    queue = FairQueue()
    for number in range(400):
        queue.append(Asked("greedy", number))
    for owner in ("alice", "bob"):
        queue.append(Asked(owner))
    assert len(queue) == 402
    assert [queue.popleft() for _ in range(5)] == [
        Asked("greedy", 0),
        Asked("alice"),
        Asked("bob"),
        Asked("greedy", 1),
        Asked("greedy", 2),
    ]
    queue.append(Asked("alice", 2))
    assert served(queue, 2) == [("greedy", 3), ("alice", 2)]
    assert [queue.popleft() for _ in range(396)] == [Asked("greedy", number) for number in range(4, 400)]
    assert not queue
    with pytest.raises(IndexError):
        queue.popleft()


def test_what_a_client_says_of_itself_gives_it_no_more_turns() -> None:
    """Clients with one address take turns among themselves."""
    queue = FairQueue()
    for number in range(400):
        queue.append(Asked("greedy", number, said=f"somebody {number}"))
    for owner in ("alice", "bob"):
        queue.append(Asked(owner, 1))
        queue.append(Asked(owner, 2))
    queue.append(Asked("greedy", 400, said="somebody 0"))
    assert served(queue, 7) == [
        ("greedy", 0),
        ("alice", 1),
        ("bob", 1),
        ("greedy", 1),
        ("alice", 2),
        ("bob", 2),
        ("greedy", 2),
    ]
    assert served(queue, 398) == [("greedy", number) for number in range(3, 401)]
    assert not queue
