"""The data folder: database, keys, blobs and logs, for the portal's user only."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings

from registries.secrets.private_files import make_private


def make_data_folder(say: Callable[[str], object]) -> None:
    """Create the data folder, or close it to other users who could read it, and say so. Raises NotPrivate if another
    user owns it."""
    if closed := make_private(settings.PORTAL_DATA_DIR):
        are = "file or folder was" if closed == 1 else "files and folders were"
        say(f"{closed} {are} open to other users of this machine in {settings.PORTAL_DATA_DIR}; now private")
