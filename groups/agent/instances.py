"""What the node holds: instances on their way in, and those whose image is here.

    <data>/images/<instance>     the image, whole and in clear (`groups.agent.order`)
    <data>/drafts/<some name>    one that is on its way; removed at each start

Fetching runs in a thread an instance; all else in the thread that polls. An instance that can't be fetched is given
back: it is reported as `allocating` with the reason, and forgotten.
"""

from __future__ import annotations

import re
import shutil
import threading
import uuid
from dataclasses import dataclass
from typing import Any

from groups.agent.events import say
from groups.agent.files import make_private_folder
from groups.agent.identity import Identity
from groups.agent.order import Cancelled, Order, Puller, PullFailed
from groups.agent.portal import Orders, Start
from groups.agent.runtime import Runtime

_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MOST_AT_ONCE = 2
PATIENCE_SECONDS = 10


@dataclass
class Held:
    """One instance as the portal hears of it."""

    start: Start
    state: str = "downloading"
    progress: int = 0
    message: str = ""
    order: Order | None = None
    thread: threading.Thread | None = None
    is_here: bool = False

    def report(self) -> dict[str, Any]:
        return {
            "id": self.start.instance,
            "state": self.state,
            "progress": self.progress,
            "message": self.message[:300],
        }


class Instances:
    """The instances of this node."""

    def __init__(self, identity: Identity, secure: bool, puller: Puller, runtime: Runtime) -> None:
        self._identity, self._secure, self._puller, self._runtime = identity, secure, puller, runtime
        self._images = make_private_folder(identity.folder / "images")
        self._drafts = make_private_folder(identity.folder / "drafts")
        self._held: dict[str, Held] = {}
        self._room = threading.Semaphore(MOST_AT_ONCE)
        for draft in self._drafts.iterdir():
            shutil.rmtree(draft, ignore_errors=True)
        for image in sorted(self._images.iterdir()):
            self._create(Held(Start(image.name, "", "")))

    def reports(self) -> list[dict[str, Any]]:
        """What to tell the portal."""
        return [held.report() for held in self._held.values()]

    def follow(self, orders: Orders, told: list[dict[str, Any]]) -> None:
        """Do what the portal says. `told` is what it answered to."""
        for report in told:
            if report["state"] == "allocating":
                self._held.pop(report["id"], None)
        for instance in orders.stop:
            self.stop(instance)
        for start in orders.start:
            if not _ID.fullmatch(start.instance):
                say("refused", instance=start.instance[:80], reason="that is no id of an instance")
                continue
            self._discard(start.instance)
            self._fetch(Held(start))

    def settle(self) -> None:
        """Hand on to the runtime what has arrived since."""
        for held in list(self._held.values()):
            if held.is_here and held.state == "downloading":
                self._create(held)

    def stop(self, instance: str) -> None:
        """End the instance and delete all that is here of it."""
        self._discard(instance)
        say("stopped", instance=instance)

    def close(self) -> None:
        """End what is on its way; what is here stays for the next start."""
        for held in self._held.values():
            _cancel(held)

    @property
    def are_settled(self) -> bool:
        """Whether there is something, and nothing of it is still on its way."""
        return bool(self._held) and all(held.state not in ("downloading", "allocating") for held in self._held.values())

    def _discard(self, instance: str) -> None:
        held = self._held.pop(instance, None)
        if held is None:
            return
        _cancel(held)
        self._runtime.end(instance)
        shutil.rmtree(self._images / instance, ignore_errors=True)

    def _create(self, held: Held) -> None:
        self._held[held.start.instance] = held
        held.progress = 0
        held.state, held.message = self._runtime.create(held.start, self._images / held.start.instance)
        say("instance", instance=held.start.instance, state=held.state, message=held.message)

    def _fetch(self, held: Held) -> None:
        start = held.start
        say("start", instance=start.instance, image=start.image)

        def progress(percent: int, message: str) -> None:
            held.progress, held.message = min(percent, 100), message

        held.order = Order(
            image=start.image,
            node_id=self._identity.node_id or "",
            token=start.token,
            secure=self._secure,
            key_file=self._identity.key_file,
            progress=progress,
        )
        self._held[start.instance] = held
        held.thread = threading.Thread(target=self._run, args=(held, held.order), daemon=True)
        held.thread.start()

    def _run(self, held: Held, order: Order) -> None:
        instance = held.start.instance
        draft = self._drafts / uuid.uuid4().hex
        try:
            with self._room:
                order.check()
                self._puller.pull(order, make_private_folder(draft))
                order.check()
                draft.rename(self._images / instance)
            held.is_here = True
            say("pulled", instance=instance, image=held.start.image)
        except Cancelled:
            say("cancelled", instance=instance)
        except (PullFailed, OSError, ValueError, KeyError, TypeError) as error:
            text = str(error) if isinstance(error, PullFailed) else f"{type(error).__name__}"
            held.state, held.message = "allocating", f"given back: {text}"
            say("failed", instance=instance, reason=text)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def _cancel(held: Held) -> None:
    """End the fetching, and wait for it as long as a network may take to notice."""
    if held.order is not None:
        held.order.cancelled.set()
    if held.thread is not None:
        held.thread.join(PATIENCE_SECONDS)
