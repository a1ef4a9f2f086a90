"""The node's images: each is fetched once for all of its instances, and deleted when none needs it.

<data>/images/<hex>     a decrypted image (`groups.agent.order`), without a runtime or with `--keep-images`
<data>/drafts/<name>    one that is being fetched; removed at each start
"""

from __future__ import annotations

import shutil
import threading
import uuid
from collections.abc import Collection
from pathlib import Path

from groups.agent.events import say
from groups.agent.files import make_private_folder
from groups.agent.order import Order, Puller
from groups.agent.runtime import Runtime

MAX_AT_ONCE = 2
CHECK_SECONDS = 0.5


class Images:
    """Images that `puller` fetches for `runtime`."""

    def __init__(self, data: Path, puller: Puller, runtime: Runtime, *, keep: bool = False) -> None:
        self._puller, self._runtime = puller, runtime
        self._keeps_folders = keep or not runtime.runs
        self._folder, self._drafts = make_private_folder(data / "images"), make_private_folder(data / "drafts")
        self._slots = threading.Semaphore(MAX_AT_ONCE)
        self._locks: dict[str, threading.Lock] = {}
        for draft in self._drafts.iterdir():
            shutil.rmtree(draft, ignore_errors=True)

    def has(self, digest: str) -> bool:
        """Whether the whole image is on the node."""
        return self._runtime.has(digest) if self._runtime.runs else self._place(digest).exists()

    def fetch(self, order: Order) -> None:
        """Fetch the image unless the node has it. Raises PullFailed, Cancelled and RuntimeFailed."""
        digest = order.parts[2]
        lock = self._locks.setdefault(digest, threading.Lock())
        while not lock.acquire(timeout=CHECK_SECONDS):
            order.check()
        try:
            if self.has(digest):
                say("here", image=order.image)
                return
            with self._slots:
                order.check()
                self._pull(order, digest)
        finally:
            lock.release()

    def keep_only(self, digests: Collection[str]) -> None:
        """Delete all images except these."""
        wanted = {self._place(digest) for digest in digests}
        for folder in self._folder.iterdir():
            if folder not in wanted:
                shutil.rmtree(folder, ignore_errors=True)
        self._runtime.keep_only(digests)

    def _place(self, digest: str) -> Path:
        return self._folder / digest.removeprefix("sha256:")

    def _pull(self, order: Order, digest: str) -> None:
        draft = make_private_folder(self._drafts / uuid.uuid4().hex)
        try:
            self._puller.pull(order, draft)
            order.check()
            self._runtime.take(digest, draft)
            if self._keeps_folders:
                place = self._place(digest)
                shutil.rmtree(place, ignore_errors=True)
                draft.rename(place)
            say("pulled", image=order.image)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
