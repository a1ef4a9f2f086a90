"""Large images for benchmarks, as OCI layouts on disk, made piece by piece: each layer a tar with one file."""

from __future__ import annotations

import gzip
import hashlib
import random
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from tests.interop.docker_registry import write_index
from tests.support.fakes.images import OCI, as_json, descriptor, digest_of

TAR = "application/vnd.oci.image.layer.v1.tar"
_PIECE = 256 * 1024


@dataclass(frozen=True)
class Content:
    """A layer to make: `size` bytes before compression, of noise, or of text (a third when compressed)."""

    size: int
    kind: str = "noise"
    gzipped: bool = True
    seed: int = 0


@dataclass(frozen=True)
class Layout:
    """An OCI layout in `folder`. `layers` are digests and sizes as they are pulled."""

    folder: Path
    digest: str
    layers: list[tuple[str, int]]

    @property
    def total(self) -> int:
        return sum(size for _, size in self.layers)


def write(folder: Path, contents: Sequence[Content]) -> Layout:
    """Write the image of these layers. The same content with the same seed makes the same layer."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    diff_ids: list[str] = []
    described: list[dict[str, Any]] = []
    for number, content in enumerate(contents):
        draft = blobs / "draft"
        with draft.open("wb", buffering=0) as file:
            outer = _Hashing(file)
            if content.gzipped:
                with gzip.GzipFile(fileobj=outer, mode="wb", compresslevel=_level(content), mtime=0) as packed:
                    diff_ids.append(_write_tar(packed, content, f"file-{number}"))
            else:
                diff_ids.append(_write_tar(outer, content, f"file-{number}"))
        draft.rename(blobs / outer.hexdigest)
        media_type = OCI["layer"] if content.gzipped else TAR
        described.append({"mediaType": media_type, "digest": f"sha256:{outer.hexdigest}", "size": outer.size})
    config = as_json(
        {
            "created": "2026-01-01T00:00:00Z",
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["/file-0"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": [{"created_by": f"COPY file-{number} /"} for number in range(len(contents))],
        }
    )
    manifest = as_json(
        {
            "schemaVersion": 2,
            "mediaType": OCI["manifest"],
            "config": descriptor(OCI["config"], config),
            "layers": described,
        }
    )
    for document in (config, manifest):
        (blobs / digest_of(document).removeprefix("sha256:")).write_bytes(document)
    write_index(folder, OCI["manifest"], manifest)
    return Layout(folder, digest_of(manifest), [(layer["digest"], layer["size"]) for layer in described])


class _Sink(Protocol):
    def write(self, data: Any, /) -> int: ...


class _Hashing:
    """A file that only grows, and knows its hash."""

    def __init__(self, file: _Sink) -> None:
        self.size = 0
        self._file = file
        self._sha256 = hashlib.sha256()

    def write(self, data: Any) -> int:
        view = memoryview(data)
        self._sha256.update(view)
        self.size += len(view)
        while view:
            view = view[self._file.write(view) :]
        return len(memoryview(data))

    def flush(self) -> None:
        """Nothing is held back."""

    @property
    def hexdigest(self) -> str:
        return self._sha256.hexdigest()


class _Made:
    """The content of one file, made as it is read."""

    def __init__(self, content: Content) -> None:
        self._kind = content.kind
        self._left = content.size
        self._random = random.Random(f"{content.kind} {content.seed} {content.size}")
        self._text = b""
        if content.kind == "text":
            words = [self._random.randbytes(self._random.randint(1, 6)).hex() for _ in range(4000)]
            self._text = " ".join(self._random.choices(words, k=400_000)).encode()

    def read(self, size: int = -1) -> bytes:
        size = min(size if size >= 0 else self._left, self._left)
        self._left -= size
        if self._kind == "noise":
            return self._random.randbytes(size)
        made = bytearray()
        while len(made) < size:
            at = self._random.randrange(len(self._text) - 4096)
            made += self._text[at : at + self._random.randint(200, 4096)]
        return bytes(made[:size])


def _write_tar(into: Any, content: Content, name: str) -> str:
    """Write the tar; return its digest."""
    hashing = _Hashing(into)
    with tarfile.open(fileobj=hashing, mode="w|", bufsize=_PIECE, copybufsize=_PIECE) as tar:  # type: ignore[call-overload]
        entry = tarfile.TarInfo(name)
        entry.size = content.size
        made: BinaryIO = _Made(content)  # type: ignore[assignment]
        tar.addfile(entry, made)
    return f"sha256:{hashing.hexdigest}"


def _level(content: Content) -> int:
    """What is noise stays as it is at every level; don't spend time on it."""
    return 0 if content.kind == "noise" else 1


def megabytes(*sizes: tuple[float, str], scale: float = 1.0, seed: int = 0) -> list[Content]:
    """Contents by size in MB and kind."""
    return [
        Content(max(int(size * 1_000_000 * scale), 1000), kind, seed=seed + number)
        for number, (size, kind) in enumerate(sizes)
    ]
