"""How many exports are built and sent at once: each takes one of the few threads of the web process.

The slots are those of one process. A slot is released when the file was sent, the client has disconnected or the
response was dropped. Should that ever fail, it is free again when its time is over.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from registries.foundation.ids import OrganizationId
from registries.foundation.refusal import Refusal

MAX_EXPORTS = 2
MAX_SLOT_SECONDS = 420.0
"""Longer than building and sending a file can take."""
RETRY_AFTER_SECONDS = 30

_lock = threading.RLock()  # a slot can be released by the garbage collector, while this thread holds it
_taken: list[Slot] = []


class TooManyExports(Refusal):
    """The organization has an export in progress, or the portal has MAX_EXPORTS."""

    code = "too_many_exports"
    title = "Too many exports at once"
    status = 429
    retry_after = RETRY_AFTER_SECONDS


@dataclass(frozen=True, eq=False)
class Slot:
    """The right to build and send one export. `until` is of `time.monotonic`."""

    organization_id: OrganizationId
    until: float

    def release(self) -> None:
        """Let another export begin. Does nothing the second time."""
        with _lock:
            if self in _taken:
                _taken.remove(self)


def take(organization_id: OrganizationId) -> Slot:
    """Take a slot for an export of this organization. Raises TooManyExports."""
    now = time.monotonic()
    with _lock:
        _taken[:] = [slot for slot in _taken if slot.until > now]
        if any(slot.organization_id == organization_id for slot in _taken):
            raise TooManyExports("Another export of this organization is in progress. Try again when it is complete.")
        if len(_taken) >= MAX_EXPORTS:
            raise TooManyExports("The portal is busy with other exports. Try again in a minute.")
        slot = Slot(organization_id, now + MAX_SLOT_SECONDS)
        _taken.append(slot)
    return slot
