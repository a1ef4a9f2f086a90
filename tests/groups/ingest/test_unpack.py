"""Layers in bzip2 and xz are unpacked as a stream: bounded in memory and in size, and checked against the config."""

from __future__ import annotations

import bz2
import lzma
import os
from collections.abc import Callable, Iterator

import pytest

from groups.ingest.unpack import Unpacker
from registries.failures import DigestMismatch, UnsupportedManifest
from tests.groups.storage.test_store import Pieces
from tests.support.fakes.images import digest_of

CONTENT = os.urandom(5000) + bytes(1_100_000) + os.urandom(5000)


def xz(content: bytes) -> bytes:
    """Fast, with a small dictionary."""
    return lzma.compress(content, preset=0)


class OneByOne(Pieces):
    """Pieces of one byte each."""

    def pieces(self) -> Iterator[memoryview]:
        for piece in super().pieces():
            for at in range(len(piece)):
                yield piece[at : at + 1]


def unpacker(
    packed: bytes, compression: str, content: bytes = CONTENT, max_bytes: int = 10**8, pieces: type[Pieces] = Pieces
) -> Unpacker:
    return Unpacker(
        pieces(packed),
        compression,
        diff_id=digest_of(content),
        layer="layer sha256:1",
        max_bytes=max_bytes,
        check=lambda: None,
    )


def whole(reader: Unpacker) -> bytes:
    return b"".join(bytes(piece) for piece in reader.pieces())


def problem(reader: Unpacker) -> object:
    with pytest.raises(UnsupportedManifest) as failed:
        whole(reader)
    return failed.value.params["reason"]


COMPRESS: dict[str, Callable[[bytes], bytes]] = {"bzip2": bz2.compress, "xz": xz}


@pytest.mark.parametrize("compression", COMPRESS)
class TestUnpacking:
    def test_it_comes_in_bounded_pieces(self, compression: str) -> None:
        reader = unpacker(COMPRESS[compression](CONTENT), compression)
        pieces = [bytes(piece) for piece in reader.pieces()]
        assert b"".join(pieces) == CONTENT
        assert max(map(len, pieces)) <= 1024 * 1024

    def test_any_pieces_and_several_streams(self, compression: str) -> None:
        """As pbzip2, and xz of several files, write them."""
        compress, content = COMPRESS[compression], CONTENT[:6000]
        packed = b"".join(compress(content[at : at + 2000]) for at in range(0, 6000, 2000))
        assert whole(unpacker(packed, compression, content, pieces=OneByOne)) == content
        assert whole(unpacker(packed, compression, content)) == content

    @pytest.mark.parametrize("left", [20, -1])
    def test_broken_off(self, compression: str, left: int) -> None:
        packed = COMPRESS[compression](CONTENT)[:left]
        assert problem(unpacker(packed, compression)) == f"layer sha256:1 ends before its {compression} does"

    def test_damaged_or_followed_by_something(self, compression: str) -> None:
        packed = COMPRESS[compression](CONTENT)
        damaged = packed[:100] + bytes(100) + packed[200:]
        for raw in (damaged, packed + b"something that is longer than a header"):
            assert problem(unpacker(raw, compression)) == f"layer sha256:1 can't be unpacked as {compression}"

    def test_other_content_than_the_config_says(self, compression: str) -> None:
        reader = unpacker(COMPRESS[compression](CONTENT), compression, content=b"another")
        assert problem(reader) == "layer sha256:1 has other content than its config says"

    def test_more_than_it_may_have(self, compression: str) -> None:
        packed = COMPRESS[compression](CONTENT)
        assert whole(unpacker(packed, compression, max_bytes=len(CONTENT))) == CONTENT
        reader = unpacker(packed, compression, max_bytes=len(CONTENT) - 1)
        assert problem(reader) == "layer sha256:1 unpacks to more than an image can have"

    def test_bytes_that_were_sent_wrongly_are_the_registrys_fault(self, compression: str) -> None:
        source = Pieces(b"BZh9 no", failure=DigestMismatch(what="layer"))
        reader = Unpacker(source, compression, diff_id="", layer="layer", max_bytes=9, check=lambda: None)
        with pytest.raises(DigestMismatch):
            whole(reader)


def test_xz_may_have_padding() -> None:
    packed = xz(CONTENT[:100]) + bytes(8) + xz(CONTENT[100:]) + bytes(4)
    assert whole(unpacker(packed, "xz")) == whole(unpacker(packed, "xz", pieces=OneByOne)) == CONTENT


def test_xz_may_not_take_all_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("groups.ingest.unpack.MAX_XZ_MEMORY", 100 * 1024)
    assert problem(unpacker(xz(CONTENT), "xz")) == "layer sha256:1 can't be unpacked as xz"


def test_the_check_may_stop_it() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    reader = Unpacker(Pieces(bz2.compress(CONTENT)), "bzip2", diff_id="", layer="", max_bytes=10**8, check=stop)
    with pytest.raises(KeyboardInterrupt):
        whole(reader)
