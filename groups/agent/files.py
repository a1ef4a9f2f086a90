"""Files that are written atomically and are readable only by this user."""

from __future__ import annotations

import os
from pathlib import Path


def make_private_folder(path: Path) -> Path:
    """Create the folder with its parents, accessible only by this user; return it."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def write_private(path: Path, content: bytes) -> None:
    """Write or replace a file atomically, readable only by this user."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
