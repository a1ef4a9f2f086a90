"""Direct writes: the same bytes, whatever sizes they come in, also where the file system doesn't take them."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from groups.storage import direct_io
from groups.storage.direct_io import BLOCK, STAGE, DirectWriter, aligned

SIZES = [[], [1], [BLOCK], [STAGE, STAGE, 17], [100, STAGE, BLOCK - 100, 2 * STAGE + 1], [3, 5, 7] * 9, [STAGE + BLOCK]]


def in_buffer(content: bytes) -> memoryview:
    """The content in an aligned buffer, as a layer's pieces are."""
    view = aligned(max(len(content), 1))[: len(content)]
    view[:] = content
    return view


def write(path: Path, pieces: list[memoryview]) -> bool:
    """Write the pieces; return whether directly, as far as the file system was concerned."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        writer = DirectWriter(file)
        was = writer._direct
        for piece in pieces:
            writer.write(piece)
        writer.finish()
        return was
    finally:
        os.close(file)


@pytest.mark.parametrize("wrap", [memoryview, in_buffer], ids=["anywhere", "aligned"])
@pytest.mark.parametrize("sizes", SIZES)
def test_what_is_written_is_there(tmp_path: Path, sizes: list[int], wrap: Callable[[bytes], memoryview]) -> None:
    pieces = [os.urandom(size) for size in sizes]

    write(tmp_path / "file", [wrap(piece) for piece in pieces])

    assert (tmp_path / "file").read_bytes() == b"".join(pieces)


@pytest.mark.parametrize(("size", "written"), [(3 * BLOCK, [3 * BLOCK]), (3 * BLOCK + 5, [3 * BLOCK, 5])])
def test_whole_blocks_of_an_aligned_piece_are_written_from_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, written: list[int]
) -> None:
    really, lengths = os.write, list[int]()

    def count(file: int, view: memoryview) -> int:
        lengths.append(len(view))
        return really(file, view)

    monkeypatch.setattr(direct_io, "_switch", lambda file, *, on: True)
    monkeypatch.setattr(os, "write", count)
    write(tmp_path / "file", [in_buffer(bytes(size))])
    assert lengths == written


def test_a_file_system_that_takes_no_direct_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: int, *, on: bool) -> bool:
        return not on

    def count(file: int, view: memoryview) -> int:
        written.append(len(view))
        return really(file, view)

    monkeypatch.setattr(direct_io, "_switch", refuse)
    really, written = os.write, list[int]()
    monkeypatch.setattr(os, "write", count)
    content = os.urandom(STAGE + 5)

    assert not write(tmp_path / "file", [memoryview(content[:3]), memoryview(content[3:])])
    assert (tmp_path / "file").read_bytes() == content
    assert written == [3, STAGE + 2], "at once, without a copy"


def test_direct_writes_are_switched_by_their_flag_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flags = [os.O_WRONLY | os.O_APPEND]

    def remember(file: int, command: int, *given: int) -> int:
        if command == fcntl.F_SETFL:
            flags.extend(given)
            return 0
        return flags[-1]

    monkeypatch.setattr(fcntl, "fcntl", remember)
    write(tmp_path / "file", [in_buffer(bytes(BLOCK))])
    assert flags[1:] == [flags[0] | os.O_DIRECT, flags[0]]


def test_a_file_system_that_refuses_to_switch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really, asked = fcntl.fcntl, list[int]()

    def refuse(file: int, command: int, *flags: int) -> int:
        if command != fcntl.F_SETFL:
            return really(file, command, *flags)
        asked.append(file)
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    content = os.urandom(STAGE + 5)

    assert not write(tmp_path / "file", [in_buffer(content)])
    assert (tmp_path / "file").read_bytes() == content
    assert len(asked) == 1


def test_a_file_system_that_says_so_only_at_the_first_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = os.write
    refused: list[int] = []

    def refuse_once(file: int, view: Any) -> int:
        if not refused:
            refused.append(len(view))
            raise OSError(errno.EINVAL, "Invalid argument")
        return really(file, view)

    monkeypatch.setattr(os, "write", refuse_once)
    content = os.urandom(2 * STAGE + 5)
    direct_at_first = write(tmp_path / "file", [in_buffer(content)])

    assert direct_at_first or refused
    assert (tmp_path / "file").read_bytes() == content


@pytest.mark.parametrize(("number", "times"), [(errno.EINVAL, 2), (errno.ENOSPC, 1)])
def test_a_write_that_fails_otherwise_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, times: int
) -> None:
    """What is invalid is tried once more through the cache, and not for ever."""
    monkeypatch.setattr(direct_io, "_switch", lambda file, *, on: True)
    tried: list[int] = []

    def fail(file: int, view: Any) -> int:
        tried.append(len(view))
        raise OSError(number, "failed")

    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(OSError, match="failed"):
        write(tmp_path / "file", [in_buffer(bytes(STAGE))])
    assert len(tried) == times


@pytest.mark.parametrize("sizes", [[1, STAGE + BLOCK], [BLOCK, 5, 3 * BLOCK], [STAGE + 7, STAGE]])
@pytest.mark.parametrize("wrap", [lambda content: memoryview(bytearray(b"x" + content))[1:], in_buffer])
def test_direct_writes_are_of_whole_blocks_from_aligned_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrap: Callable[[bytes], memoryview], sizes: list[int]
) -> None:
    """Whatever this machine's file system accepts."""
    is_on = []
    really = os.write

    def switch(file: int, *, on: bool) -> bool:
        is_on.append(on)
        return True

    def check(file: int, view: memoryview) -> int:
        if is_on[-1]:
            assert len(view) % 4096 == 0
            assert ctypes.addressof(ctypes.c_char.from_buffer(view)) % 4096 == 0
        return really(file, view)

    monkeypatch.setattr(direct_io, "_switch", switch)
    monkeypatch.setattr(os, "write", check)
    content = [os.urandom(size) for size in sizes]
    assert write(tmp_path / "file", [wrap(piece) for piece in content])
    assert is_on == [True, False]
    assert (tmp_path / "file").read_bytes() == b"".join(content)
