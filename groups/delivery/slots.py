"""How many layers, and how many large documents, are sent at once to one session and to one node, so that no node uses
up the server. Documents are manifests and configs: they wait in memory until the client has accepted them.

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
MAX_DOCUMENTS_PER_SESSION = 3
MAX_DOCUMENTS_PER_NODE = 6
"""Clients fetch the manifest and the config once each."""
RETRY_AFTER_SECONDS = 5

Owner = tuple[str, str | UUID]
"""What is sent, and the session or node that it is sent to."""

_lock = threading.RLock()  # a slot can be released by the garbage collector, while this thread holds it
_taken: Counter[Owner] = Counter()


class TooManyTransfers(Refusal):
    """The session or the node has as many transfers in progress as it may."""

    code = "too_many_transfers"
    title = "Too many transfers at once"
    status = 429
    retry_after = RETRY_AFTER_SECONDS


@dataclass(eq=False)
class Slot:
    """The right to send one layer or document to these owners."""

    owners: tuple[Owner, ...]
    is_taken: bool = True

    def release(self) -> None:
        """Let another transfer begin. Does nothing the second time."""
        with _lock:
            if self.is_taken:
                self.is_taken = False
                for owner in self.owners:
                    _taken[owner] -= 1
                    if not _taken[owner]:
                        del _taken[owner]


def take(session: str, node_id: NodeId | None) -> Slot:
    """Take a slot for a layer of the session whose bearer has this digest. Raises TooManyTransfers."""
    return _take("layers", session, MAX_PER_SESSION, node_id, MAX_PER_NODE)


def take_for_document(session: str, node_id: NodeId | None) -> Slot:
    """Take a slot for a large manifest or config of this session. Raises TooManyTransfers."""
    return _take("documents", session, MAX_DOCUMENTS_PER_SESSION, node_id, MAX_DOCUMENTS_PER_NODE)


def check(session: str) -> None:
    """Raise TooManyTransfers if this session can't have another layer now."""
    _check(("layers", session), MAX_PER_SESSION, "session")


def _take(what: str, session: str, max_of_session: int, node_id: NodeId | None, max_of_node: int) -> Slot:
    owners: tuple[Owner, ...] = ((what, session),)
    with _lock:
        _check(owners[0], max_of_session, "session")
        if node_id is not None:
            owners += ((what, node_id),)
            _check(owners[1], max_of_node, "node")
        _taken.update(owners)
    return Slot(owners)


def _check(owner: Owner, maximum: int, whose: str) -> None:
    if _taken[owner] >= maximum:
        raise TooManyTransfers(f"this {whose} is sent {maximum} {owner[0]} at once; wait for one to end")
