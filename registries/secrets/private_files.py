"""Files with key material: written once, atomically, and readable only by this user."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_once(path: Path, content: bytes) -> None:
    """Write the file unless it exists. Of several processes that write it at once, the first one's content stays."""
    if path.exists():
        return
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    _sync(path.parent)


def delete(path: Path) -> bool:
    """Delete the file; return whether it existed."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    _sync(path.parent)
    return True


def _sync(folder: Path) -> None:
    """Make creations and deletions in a folder survive a power failure."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
