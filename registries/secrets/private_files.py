"""Files and folders that only this user can read: made, checked and, where they were open to others, closed.

Everything that the portal keeps on disk is private. `keep_private` sets the umask with which every command starts;
`make_private` is for the folders that it creates.
"""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

UMASK = 0o077
OTHERS = 0o077
"""The mode bits of the group and of everybody else."""
ROOT = 0


class NotPrivate(Exception):
    """A folder belongs to somebody else, who could read or replace what is put there. The message names it."""


def keep_private() -> None:
    """Make whatever this process and its children create accessible only by this user."""
    os.umask(UMASK)


def make_private(folder: Path) -> int:
    """Create the folder with its parents, or check it; return how many files and folders were open to others.

    A folder of this user's that others may enter is closed, with what is in it. Folders in it that are private already
    are left alone: nobody gets to what is below them. Raises NotPrivate for a folder of another user, and for one of
    root's that everybody may enter.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    info, user = folder.stat(), os.getuid()
    if user not in (info.st_uid, ROOT) and (info.st_uid != ROOT or info.st_mode & 0o007):
        raise NotPrivate(f"{folder} belongs to user {info.st_uid}: change its owner, or use another folder")
    if not info.st_mode & OTHERS or user not in (info.st_uid, ROOT):
        return 0
    return _close(folder)


def _close(folder: Path) -> int:
    """Take a folder and what is in it from others; return how many entries were open. The folder itself is the last, so
    that an interrupted run is completed by the next one."""
    closed = 0
    for path in list(folder.iterdir()):
        with suppress(FileNotFoundError):  # deleted in the meantime
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode) or not mode & OTHERS:
                continue
            closed += _close(path) if stat.S_ISDIR(mode) else _take(path, mode)
    return closed + _take(folder, folder.stat().st_mode)


def _take(path: Path, mode: int) -> int:
    try:
        path.chmod(stat.S_IMODE(mode) & ~OTHERS)
    except PermissionError:
        raise NotPrivate(f"{path} belongs to another user and is open to others: change its owner") from None
    return 1


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
