"""The first queues come first, and the others come too."""

from __future__ import annotations

from collections import Counter

import pytest

from groups.queues.turns import MAX_BEFORE_OTHERS, QueueTurns
from groups.queues.wakeup import QUEUES

NAMES = ["checks", "nodes", "notices", "pulls"]


def take(turns: QueueTurns, content: dict[str, int]) -> str:
    queue = next(name for name in turns.order() if content[name])
    content[queue] -= 1
    turns.note(queue)
    return queue


@pytest.mark.parametrize("flooded", [["checks"], ["checks", "nodes"], ["nodes", "notices"], ["checks", "notices"]])
@pytest.mark.parametrize("last", NAMES)
def test_no_queue_waits_for_longer_than_a_round(flooded: list[str], last: str) -> None:
    turns, content = QueueTurns(NAMES), dict.fromkeys(NAMES, 0) | dict.fromkeys([*flooded, last], 10_000)
    taken = [take(turns, content) for _ in range(1000)]
    gaps = [len(gap) for gap in "".join("x" if queue == last else "-" for queue in taken).split("x")]
    assert max(gaps) <= MAX_BEFORE_OTHERS * (len(NAMES) - 1)


def test_what_comes_first_has_most_turns() -> None:
    turns, content = QueueTurns(NAMES), dict.fromkeys(NAMES, 10_000)
    taken = Counter(take(turns, content) for _ in range(31 * 10))
    assert taken == {"checks": 100, "nodes": 100, "notices": 100, "pulls": 10}


def test_a_few_are_taken_in_the_order_of_the_queues() -> None:
    turns, content = QueueTurns(NAMES), {"checks": 2, "nodes": 0, "notices": 1, "pulls": 2}
    assert [take(turns, content) for _ in range(5)] == ["checks", "checks", "notices", "pulls", "pulls"]
    content["checks"] = 1
    assert take(turns, content) == "checks"


def test_one_queue_has_all_turns() -> None:
    turns, content = QueueTurns(["pulls"]), {"pulls": 50}
    assert {take(turns, content) for _ in range(50)} == {"pulls"}


def test_each_queue_is_always_looked_at() -> None:
    turns, content = QueueTurns(QUEUES), dict.fromkeys(QUEUES, 100)
    for _ in range(400):
        assert sorted(turns.order()) == sorted(QUEUES)
        take(turns, content)
