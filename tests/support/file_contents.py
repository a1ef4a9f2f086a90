"""Contents of files, for tests that look for secrets in them."""

from __future__ import annotations

import subprocess
from pathlib import Path


def bytes_of(*paths: Path | str) -> bytes:
    """Return the files' bytes, as far as they are there, read by another process: a process that opens and closes a
    database of SQLite beside its connections drops their locks (https://www.sqlite.org/howtocorrupt.html, 2.2)."""
    there = [str(path) for path in paths if Path(path).exists()]
    return subprocess.run(["cat", *there], capture_output=True, check=True).stdout if there else b""
