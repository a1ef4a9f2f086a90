"""Reading ahead: everything in order, whatever goes wrong in its place, and the thread ends."""

from __future__ import annotations

import io
import os
import threading
import time

import pytest

from groups.ingest.buffers import BUFFERS, CHUNK, ReadAhead, in_pieces
from registries.failures import DigestMismatch


class Failing(io.BytesIO):
    """Fails where others would end."""

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = super().readinto(buffer)
        if not count:
            raise DigestMismatch(what="layer")
        return count


def ends(name: str = "read-ahead") -> bool:
    """Whether no thread of that name is left, soon."""
    end = time.monotonic() + 5
    while any(thread.name == name for thread in threading.enumerate()):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.parametrize("size", [0, 1, CHUNK, 7 * CHUNK + 3])
def test_everything_comes_in_order(size: int) -> None:
    content = os.urandom(size)

    with ReadAhead(io.BytesIO(content)) as ahead:
        assert b"".join(bytes(piece) for piece in ahead.pieces()) == content
    assert b"".join(bytes(piece) for piece in in_pieces(io.BytesIO(content))) == content
    assert ends()


def test_a_failure_is_raised_where_the_piece_would_have_come() -> None:
    with ReadAhead(Failing(bytes(2 * CHUNK))) as ahead:
        pieces = ahead.pieces()
        assert [len(next(pieces)) for _ in range(2)] == [CHUNK, CHUNK]
        with pytest.raises(DigestMismatch):
            next(pieces)

    assert ends()


def test_whoever_stops_taking_ends_the_thread() -> None:
    source = io.BytesIO(bytes(20 * CHUNK))
    with ReadAhead(source) as ahead:
        next(ahead.pieces())

    assert ends()
    assert source.tell() <= (BUFFERS + 1) * CHUNK


def test_whoever_stops_waits_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[tuple[float | None, bool]] = []
    monkeypatch.setattr(threading.Thread, "join", lambda thread, timeout=None: waited.append((timeout, thread.daemon)))
    with ReadAhead(io.BytesIO(bytes(2 * CHUNK))) as ahead:
        next(ahead.pieces())

    assert waited == [(1.0, True)], "and keeps no process from ending"
    assert ends()


def test_one_that_is_never_asked_starts_nothing() -> None:
    with ReadAhead(io.BytesIO(b"x")):
        pass

    assert ends()
