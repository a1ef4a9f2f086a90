"""Places in a pull where a test can hold a process, and kill it right there.

Where the setting `PORTAL_FAILPOINTS_DIR` names a folder and a file in it has a failpoint's name, a process that comes
to that point writes `<name>.<pid>.reached` beside it and waits until the file is removed. Without the setting nothing
happens, so these places stay in the code as it is deployed: what a test kills is what runs.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from django.conf import settings

POLL_SECONDS = 0.01

# The names, in the order of a pull.
CLAIMED = "claimed"
CREDENTIAL_OPENED = "credential-opened"
AUTHENTICATED = "authenticated"
MANIFEST_WRITTEN = "manifest-written"
LAYER_BEGINS = "layer-begins"
BLOB_UNSYNCED = "blob-unsynced"
BLOB_UNNAMED = "blob-unnamed"
BLOB_NAMED = "blob-named"
LAYER_STORED = "layer-stored"
LAYER_COMMITTED = "layer-committed"
FINISHING = "finishing"
FINISHING_INSIDE = "finishing-inside"
FINISHED = "finished"
FAILING = "failing"
FAILING_INSIDE = "failing-inside"
FAILED = "failed"
"""Of a pull that is tried again, too."""
RELEASING = "releasing"
RELEASED = "released"

NAMES = (
    CLAIMED,
    CREDENTIAL_OPENED,
    AUTHENTICATED,
    MANIFEST_WRITTEN,
    LAYER_BEGINS,
    BLOB_UNSYNCED,
    BLOB_UNNAMED,
    BLOB_NAMED,
    LAYER_STORED,
    LAYER_COMMITTED,
    FINISHING,
    FINISHING_INSIDE,
    FINISHED,
    FAILING,
    FAILING_INSIDE,
    FAILED,
    RELEASING,
    RELEASED,
)


def reached(name: str) -> None:
    """Say that the process is at the failpoint `name`, and wait there while somebody wants it held."""
    if settings.PORTAL_FAILPOINTS_DIR:
        _hold(Path(settings.PORTAL_FAILPOINTS_DIR), name)


def _hold(folder: Path, name: str) -> None:
    held = folder / name
    if not held.exists():
        return
    (folder / f"{name}.{os.getpid()}.reached").touch()
    while held.exists():
        time.sleep(POLL_SECONDS)
