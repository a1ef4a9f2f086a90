"""Which hosts have spoken TLS, noted in the worker zone: whoever writes the database can't have it forgotten.

    <PORTAL_KEY_DIR>/worker/tls-hosts/<SHA-256 of host[:port]>    contains host[:port]

Workers write these files when a host has proved its identity. Where they can't write to the folder, the sweeper does,
from the rows in the database (`registries.actions.note_tls_hosts`); until then the row is all there is. Workers that
share the folder know the same hosts. Workers with folders of their own each know what they have seen themselves and
what their sweeper has read, so a host has to be forgotten in each folder.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from registries.secrets.keyring import KeyUnavailable
from registries.secrets.private_files import delete, write_once

MAX_NOTES = 10_000
"""The host that has not spoken TLS for the longest time makes room for another one."""
TOUCH_SECONDS = 24 * 3600
"""A note says to within this time when the host last spoke TLS."""


def note(authority: str) -> bool:
    """Note that `host[:port]` has proved its identity over TLS; return whether it was not known. Worker zone only.
    Raises OSError."""
    path = _path(authority)
    try:
        if time.time() - path.stat().st_mtime > TOUCH_SECONDS:
            with suppress(PermissionError):
                os.utime(path)
        return False
    except FileNotFoundError:
        pass
    path.parent.mkdir(mode=0o700, exist_ok=True)
    notes = _notes(path.parent)
    for oldest in sorted(notes, key=_noted_at)[: max(0, len(notes) + 1 - MAX_NOTES)]:
        delete(oldest)
    write_once(path, authority.encode())
    return True


def note_others(authorities: Iterable[str]) -> int:
    """Note what another source says, as long as there is room; return how many were not known. These are the first to
    make room. Worker zone only. Raises OSError."""
    folder, count = _folder(), 0
    known = {path.name for path in _notes(folder)}
    for authority in authorities:
        path = _path(authority)
        if path.name in known or len(known) >= MAX_NOTES:
            continue
        folder.mkdir(mode=0o700, exist_ok=True)
        write_once(path, authority.encode())
        os.utime(path, (0, 0))
        known.add(path.name)
        count += 1
    return count


def includes(authority: str) -> bool:
    """Whether it was noted. Worker zone only. Raises OSError if that can't be read."""
    try:
        _path(authority).stat()
    except FileNotFoundError:
        return False
    return True


def forget(authority: str) -> bool:
    """Delete the note; return whether there was one. Worker zone only. Raises OSError."""
    return delete(_path(authority))


def _notes(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []


def _noted_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # deleted in the meantime
        return 0.0


def _path(authority: str) -> Path:
    return _folder() / hashlib.sha256(authority.encode()).hexdigest()


def _folder() -> Path:
    if settings.PORTAL_ZONE == "web":
        raise KeyUnavailable("the web zone doesn't hold which hosts have spoken TLS")
    return Path(settings.PORTAL_KEY_DIR) / "worker" / "tls-hosts"
