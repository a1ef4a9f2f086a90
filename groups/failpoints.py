"""Places in a pull where a test can pause a process, and kill it exactly there.

If the setting `PORTAL_FAILPOINTS_DIR` names a folder with a file of a failpoint's name, a process that reaches that
point writes `<name>.<pid>.reached` beside it and waits until the file is removed. Without the setting nothing happens,
so the failpoints stay in the deployed code: what a test kills is what runs.
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
"""Also reached by a pull that is queued for another attempt."""
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
    """Mark that the process has reached the failpoint `name`, and wait while a test pauses it."""
    if settings.PORTAL_FAILPOINTS_DIR:
        _pause(Path(settings.PORTAL_FAILPOINTS_DIR), name)


def _pause(folder: Path, name: str) -> None:
    pause = folder / name
    if not pause.exists():
        return
    (folder / f"{name}.{os.getpid()}.reached").touch()
    while pause.exists():
        time.sleep(POLL_SECONDS)
