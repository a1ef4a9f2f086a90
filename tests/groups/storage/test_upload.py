"""A reader as the file that storages expect: read once, forwards, in constant memory."""

from __future__ import annotations

import os

import pytest

from groups.storage.upload import Upload
from tests.groups.storage.test_store import Pieces

MIB = 1024 * 1024


def upload(content: bytes, **options: object) -> Upload:
    return Upload(Pieces(content, **options), "name")  # type: ignore[arg-type]


@pytest.mark.parametrize("sized", [True, False])
def test_it_is_read_in_any_way_once(sized: bool) -> None:
    content = os.urandom(200_001)
    file = upload(content, sized=sized)
    assert (file.size, file.tell()) == (len(content) if sized else None, 0)
    assert file.read(1) == content[:1]
    assert file.read(0) == b""
    assert file.tell() == file.seek(1) == 1
    for offset, whence in ((0, 0), (2, 0), (0, 2), (1, 1)):
        with pytest.raises(OSError, match="read again"):
            file.seek(offset, whence)
    assert not file.seekable()
    got = b"".join(map(bytes, [next(file.pieces())]))
    assert content[1:].startswith(got)
    *chunks, last = file.chunks(40_000)
    assert {len(chunk) for chunk in chunks} == {40_000}
    assert content[:1] + got + b"".join(chunks) + last == content
    assert (file.tell(), file.read(), file.read(5)) == (len(content), b"", b"")
    file.finish()


@pytest.mark.parametrize("sized", [True, False])
def test_everything_at_once_is_for_small_ones(sized: bool) -> None:
    assert upload(b"x" * 70_001, sized=sized).read() == b"x" * 70_001
    assert upload(b"x" * 70_001, sized=sized).read(None) == b"x" * 70_001
    assert len(upload(bytes(16 * MIB), sized=sized).read()) == 16 * MIB
    with pytest.raises(ValueError, match="in pieces"):
        upload(bytes(16 * MIB + 1), sized=sized).read()
    large = upload(bytes(16 * MIB + 1))
    with pytest.raises(ValueError, match="in pieces"):
        large.read()
    assert sum(map(len, large.chunks())) == 16 * MIB + 1, "where the size is known, nothing is read in vain"
    rest = upload(bytes(16 * MIB + 1), sized=sized)
    rest.read(1)
    assert len(rest.read()) == 16 * MIB


def test_how_many_chunks_there_are() -> None:
    assert [upload(b"x" * 10).multiple_chunks(size) for size in (9, 10, 11)] == [True, False, False]
    assert upload(b"x", sized=False).multiple_chunks()
    assert [upload(bytes(size)).multiple_chunks() for size in (MIB, MIB + 1)] == [False, True]
    assert [len(chunk) for chunk in upload(bytes(MIB + 1))] == [MIB, 1]


@pytest.mark.parametrize("taken", [0, 1, 69_999, 70_000, 70_001, 139_999])
def test_a_storage_that_takes_less_has_not_taken_it(taken: int) -> None:
    file = upload(b"x" * 140_000)
    file.read(taken)
    with pytest.raises(EOFError):
        file.finish()


def test_the_reader_is_read_to_its_verified_end() -> None:
    failure = ZeroDivisionError()
    file = upload(b"x" * 10, failure=failure)
    assert file.read(10) == b"x" * 10, "a storage that knows the size asks for no more"
    with pytest.raises(ZeroDivisionError) as raised:
        file.finish()
    assert raised.value is file.failure is failure
    empty = upload(b"", failure=failure)
    with pytest.raises(ZeroDivisionError):
        empty.finish()
    for content, size in ((b"x" * 10, 11), (b"x" * 10, 9), (b"", 1)):
        other = upload(content, size=size)
        other.read(min(len(content), size))
        with pytest.raises(EOFError):
            other.finish()
