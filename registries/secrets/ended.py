"""What has ended for good: destroyed credentials, replaced keys of nodes, used codes. Empty files in the worker zone.

    <PORTAL_KEY_DIR>/worker/ended/<kind>-<id>
    <PORTAL_KEY_DIR>/web/ended/node-key-<fingerprint>    so that the web zone refuses replaced keys too

The database says so as well, but whoever writes the database could put an old row back. Workers write these files when
they vouch for a key, and the sweeper in each pass (`groups.sweep`). Both zones refuse what is named there.
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
    """What an id is of: a credential's id, the fingerprint of a node's key, the nonce of an enrolment, or the id of a
    node whose first key is vouched for, so that codes for new nodes prove nothing of it any more."""

    CREDENTIAL = "credential"
    NODE_KEY = "node-key"
    ENROLMENT = "enrolment"
    NEW_NODE = "new-node"


def is_id(text: str) -> bool:
    """Whether `text` can be noted."""
    return _ID.fullmatch(text) is not None


def note(kind: Kind, ids: Iterable[str]) -> int:
    """Write down that these have ended; return how many were not known yet. Worker zone only. Raises OSError, and
    ValueError for what is no id."""
    folder = _folder()
    known = _listed(folder)
    new = {_name(kind, text) for text in ids} - known
    for name in sorted(new):
        write_once(folder / name, b"")
    if kind is Kind.NODE_KEY:
        published = _web_folder()
        for name in sorted(name for name in (known | new) - _listed(published) if name.startswith(f"{kind}-")):
            write_once(published / name, b"")
    return len(new)


def has_ended(kind: Kind, text: str) -> bool:
    """Whether it was noted. Worker zone only."""
    return (_folder() / _name(kind, text)).exists()


def is_replaced(fingerprint: str) -> bool:
    """Whether the key of a node with this fingerprint was replaced, or its node removed. For both zones."""
    return (_web_folder() / _name(Kind.NODE_KEY, fingerprint)).exists()


def forget(kind: Kind, *, after_seconds: float) -> int:
    """Delete the notes of this kind that are older than that; return how many. Worker zone only."""
    folder = _folder()
    paths = folder.glob(f"{kind}-*") if folder.is_dir() else ()
    return sum(delete(path) for path in paths if time.time() - path.stat().st_mtime > after_seconds)


def _name(kind: Kind, text: str) -> str:
    if not is_id(text):
        raise ValueError("not an id")
    return f"{kind}-{text}"


def _folder() -> Path:
    if settings.PORTAL_ZONE == "web":
        raise KeyUnavailable("the web zone doesn't hold what has ended")
    return Path(settings.PORTAL_KEY_DIR) / "worker" / "ended"


def _web_folder() -> Path:
    return Path(settings.PORTAL_KEY_DIR) / "web" / "ended"


def _listed(folder: Path) -> set[str]:
    """The names in a folder, which is created."""
    folder.mkdir(mode=0o700, exist_ok=True)
    return set(os.listdir(folder))
