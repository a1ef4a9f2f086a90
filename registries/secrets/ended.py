"""What has ended for good: destroyed credentials, replaced keys of nodes, used codes. Empty files in the worker zone.

    <PORTAL_KEY_DIR>/worker/ended/<kind>-<id>

The database says so as well, but whoever writes the database could put an old row back. The sweeper writes these files
in each pass (`groups.sweep`), and workers refuse what is named there.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

from django.conf import settings

from registries.secrets.keyring import KeyUnavailable
from registries.secrets.private_files import delete, write_once

_ID = re.compile(r"[0-9a-f-]{1,64}")


class Kind(StrEnum):
    """What an id is of: a credential's id, the fingerprint of a node's key, or the nonce of an enrolment."""

    CREDENTIAL = "credential"
    NODE_KEY = "node-key"
    ENROLMENT = "enrolment"


def note(kind: Kind, ids: Iterable[str]) -> int:
    """Write down that these have ended; return how many were not known yet. Worker zone only. Raises OSError."""
    folder = _folder()
    folder.mkdir(mode=0o700, exist_ok=True)
    known = set(os.listdir(folder))
    new = [name for name in (_name(kind, text) for text in ids) if name not in known]
    for name in new:
        write_once(folder / name, b"")
    return len(new)


def has_ended(kind: Kind, text: str) -> bool:
    """Whether it was noted. Worker zone only."""
    return (_folder() / _name(kind, text)).exists()


def forget(kind: Kind, *, after_seconds: float) -> int:
    """Delete the notes of this kind that are older than that; return how many. Worker zone only."""
    folder = _folder()
    paths = folder.glob(f"{kind}-*") if folder.is_dir() else ()
    return sum(delete(path) for path in paths if time.time() - path.stat().st_mtime > after_seconds)


def _name(kind: Kind, text: str) -> str:
    if not _ID.fullmatch(text):
        raise ValueError("not an id")
    return f"{kind}-{text}"


def _folder() -> Path:
    if settings.PORTAL_ZONE == "web":
        raise KeyUnavailable("the web zone doesn't hold what has ended")
    return Path(settings.PORTAL_KEY_DIR) / "worker" / "ended"
