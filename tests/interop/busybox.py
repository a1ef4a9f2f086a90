"""The machine's static busybox as an image: something small that truly runs."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
from pathlib import Path

PRINTED = b"read from inside the container\n"


def busybox_layers() -> list[bytes]:
    """Two gzip'ed tar layers: /bin/busybox with its `sh`, and /srv/hello.txt that says PRINTED."""
    found = shutil.which("busybox")
    assert found, "these tests run a container of busybox-static"
    binary = Path(found).resolve().read_bytes()
    assert b"/ld-linux" not in binary, "the machine's busybox is not static: install busybox-static"
    return [_layer({"bin/busybox": binary}, {"bin/sh": "busybox"}), _layer({"srv/hello.txt": PRINTED}, {})]


def _layer(files: dict[str, bytes], links: dict[str, str]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
        for name, target in links.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return gzip.compress(raw.getvalue(), compresslevel=1, mtime=0)
