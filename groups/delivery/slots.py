"""How many layers are sent at once to one session and to one node, so that no node uses up the server.

The slots are those of one process.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from registries.foundation.ids import NodeId
from registries.foundation.refusal import Refusal

MAX_PER_SESSION = 6
"""As many as skopeo and podman fetch at once by default; containerd fetches three."""
MAX_PER_NODE = 12
RETRY_AFTER_SECONDS = 5

_lock = threading.RLock()  # a slot can be released by the garbage collector, while this thread holds it
_taken: Counter[str | UUID] = Counter()


class TooManyTransfers(Refusal):
    """The session or the node has as many transfers in progress as it may."""

    code = "too_many_transfers"
    title = "Too many transfers at once"
    status = 429
    retry_after = RETRY_AFTER_SECONDS


@dataclass(eq=False)
class Slot:
    """The right to send one layer. `session` is the digest of the session's bearer."""

    session: str
    node_id: NodeId | None
    is_taken: bool = True

    def release(self) -> None:
        """Let another transfer begin. Does nothing the second time."""
        with _lock:
            if self.is_taken:
                self.is_taken = False
                for owner in _owners(self.session, self.node_id):
                    _taken[owner] -= 1
                    if not _taken[owner]:
                        del _taken[owner]


def take(session: str, node_id: NodeId | None) -> Slot:
    """Take a slot for a transfer of the session whose bearer has this digest. Raises TooManyTransfers."""
    with _lock:
        check(session)
        if node_id is not None and _taken[node_id] >= MAX_PER_NODE:
            raise TooManyTransfers(f"this node is sent {MAX_PER_NODE} layers at once; wait for one to end")
        for owner in _owners(session, node_id):
            _taken[owner] += 1
    return Slot(session, node_id)


def check(session: str) -> None:
    """Raise TooManyTransfers if this session can't have another transfer now."""
    if _taken[session] >= MAX_PER_SESSION:
        raise TooManyTransfers(f"this session is sent {MAX_PER_SESSION} layers at once; wait for one to end")


def _owners(session: str, node_id: NodeId | None) -> list[str | UUID]:
    return [session] if node_id is None else [session, node_id]
