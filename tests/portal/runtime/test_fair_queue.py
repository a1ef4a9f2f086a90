"""Turns of clients that wait for a thread."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from portal.runtime.fair_queue import FairQueue


@dataclass(frozen=True)
class Asked:
    owner: str
    number: int = 1


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
    assert [queue.popleft().owner for _ in range(2)] == ["greedy", "alice"]
    assert [queue.popleft() for _ in range(396)] == [Asked("greedy", number) for number in range(4, 400)]
    assert not queue
    with pytest.raises(IndexError):
        queue.popleft()
