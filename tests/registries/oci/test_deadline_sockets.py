"""A socket reads until its deadline and not after it."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import pytest

from registries.oci.deadline_sockets import DeadlineSocket


def test_reads_until_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("registries.oci.deadline_sockets.time", SimpleNamespace(monotonic=lambda: now[0]))
    ours, theirs = socket.socketpair()
    with theirs, DeadlineSocket(fileno=ours.detach()) as read:
        theirs.sendall(b"abcd")
        assert read.recv_into(bytearray(1)) == 1  # which has none
        read.deadline = 100.0
        assert read.recv_into(bytearray(9), 1) == 1
        now[0] += 0.001
        with pytest.raises(TimeoutError):
            read.recv_into(bytearray(1))
        read.deadline = 101.0
        assert read.recv_into(bytearray(9)) == 2, "all that is there"
