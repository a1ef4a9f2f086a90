"""When a connection has taken too long for what it does."""

from __future__ import annotations

import pytest

from portal.runtime.deadlines import Deadlines, Stage


@pytest.mark.parametrize(
    ("stage", "elapsed", "received", "sent", "is_over"),
    [
        (Stage.IDLE, 15, 0, 0, False),
        (Stage.IDLE, 15.1, 0, 0, True),
        (Stage.HEAD, 10, 0, 0, False),
        (Stage.HEAD, 10.1, 0, 0, True),
        (Stage.BODY, 10.1, 0, 0, True),
        (Stage.BODY, 10.1, 16_000, 0, False),
        (Stage.BODY, 11.1, 16_000, 0, True),
        (Stage.BODY, 130, 2_000_000, 0, False),  # 16 kB/s is slow enough for a telephone
        (Stage.SEND, 30, 0, 0, False),
        (Stage.SEND, 30.1, 0, 0, True),
        (Stage.SEND, 31, 0, 31 * 32_000 - 1, True),
        (Stage.SEND, 31, 0, 31 * 32_000, False),
        (Stage.LINGER, 2.1, 0, 0, True),
        (Stage.WORK, 1e9, 0, 0, False),  # that is ours
    ],
)
def test_deadlines(stage: Stage, elapsed: float, received: int, sent: int, is_over: bool) -> None:
    assert Deadlines().is_over(stage, elapsed, received, sent) is is_over
