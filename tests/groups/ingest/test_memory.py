"""Memory stays where it is, however large a layer is."""

from __future__ import annotations

import hashlib
import tracemalloc
from pathlib import Path

import pytest

from groups.ingest.buffers import CHUNK, ReadAhead
from groups.ingest.encrypt import EncryptingReader
from groups.storage import store
from groups.storage.direct_io import aligned

LAYER_BYTES = 40 * 1024 * 1024


class Zeros:
    """`size` zero bytes, made as they are read."""

    def __init__(self, size: int) -> None:
        self.left = size

    def readinto(self, buffer: memoryview) -> int:
        count = min(len(buffer), self.left)
        buffer[:count] = bytes(count)
        self.left -= count
        return count


@pytest.mark.parametrize("ahead", [False, True])
def test_a_large_layer_passes_through_a_few_buffers(blobs: Path, monkeypatch: pytest.MonkeyPatch, ahead: bool) -> None:
    buffers: list[int] = []

    def counted(size: int) -> memoryview:
        buffers.append(size)
        return aligned(size)

    monkeypatch.setattr("groups.ingest.buffers.aligned", counted)
    monkeypatch.setattr("groups.storage.direct_io.aligned", counted)
    tracemalloc.start()
    try:
        with ReadAhead(Zeros(LAYER_BYTES)) as read_ahead:
            reader = EncryptingReader(read_ahead if ahead else Zeros(LAYER_BYTES), size=LAYER_BYTES)
            store.put("org/ab/large", reader)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert sum(buffers) <= 5 * CHUNK  # which are mapped, and so not traced
    assert peak < 4 * CHUNK
    stored = hashlib.sha256()
    with store.open("org/ab/large") as file:
        while chunk := file.read(CHUNK):
            stored.update(chunk)
    assert f"sha256:{stored.hexdigest()}" == reader.encryption().digest
