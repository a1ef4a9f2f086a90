"""The node's instances from the order to start to their end: fetching, creating, running, restarting, stopping.

Work that takes time runs in a thread of the instance, one at a time; the polling thread only reads states and decides.
An instance that the node can't run is given back: reported as `allocating` with the reason, and forgotten.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from groups.agent import held as held_files
from groups.agent.events import say
from groups.agent.files import make_private_folder
from groups.agent.held import ID, Held
from groups.agent.identity import Identity
from groups.agent.images import Images
from groups.agent.order import Cancelled, Order, PullFailed
from groups.agent.portal import Orders, Start
from groups.agent.runtime import Container, NotStarted, Runtime, RuntimeFailed

JOIN_SECONDS = 10
FIRST_WAIT, MAX_WAIT = 10.0, 300.0
STEADY_SECONDS = 600


class Instances:
    """The instances of this node. `first_wait` is the first pause before a restart, in seconds."""

    def __init__(
        self, identity: Identity, secure: bool, images: Images, runtime: Runtime, first_wait: float = FIRST_WAIT
    ) -> None:
        self._identity, self._secure, self._images, self._runtime = identity, secure, images, runtime
        self._first_wait = first_wait
        self._files = make_private_folder(identity.folder / "instances")
        self._held: dict[str, Held] = {}
        self._find_again()

    def reports(self) -> list[dict[str, object]]:
        """The instances of a poll."""
        return [held.report() for held in self._held.values()]

    def carry_out(self, orders: Orders, reports: list[dict[str, object]]) -> None:
        """Carry out the portal's orders. `reports` are those of the poll that it responded to."""
        for report in reports:
            self._note_reported(str(report["id"]), str(report["state"]))
        for instance in orders.stop:
            if (held := self._held.get(instance)) is not None and held.state != "stopping":
                self._stop(held)
        for start in orders.start:
            if not ID.fullmatch(start.instance):
                say("refused", instance=start.instance[:80], reason="that is no id of an instance")
                continue
            self._fetch(start)
        for work, names in ((self._restart, orders.restart), (self._recreate, orders.recreate)):
            for instance in names:
                if (held := self._held.get(instance)) is not None and not held.is_busy:
                    self._set_creating(held)
                    self._run_in_thread(held, work)

    def settle(self) -> None:
        """Read the states of the containers, and begin restarts that are due."""
        for held in [held for held in self._held.values() if held.is_gone and not held.is_busy]:
            del self._held[held.id]
            say("stopped", instance=held.id)
        # Chosen before the call: it can miss what a thread changes from here on.
        idle = [held for held in self._held.values() if not held.is_busy]
        if not self._runtime.runs or not idle:
            return
        try:
            containers = self._runtime.containers()
        except RuntimeFailed as error:
            say("runtime", reason=str(error))
            return
        for held in idle:
            self._check(held, containers.get(held.id))

    def close(self, *, end_containers: bool = False) -> None:
        """Cancel fetches and wait for threads. Containers keep running; with `end_containers` they are ended, and
        started again at the next start."""
        everything = list(self._held.values())
        for held in everything:
            if held.order is not None:
                held.order.cancelled.set()
        for held in everything:
            if held.thread is not None:
                held.thread.join(JOIN_SECONDS)
        if not end_containers:
            return
        for held in everything:
            if held.state == "running":
                held.parked = True
                held.write(self._files)
                held.thread = threading.Thread(target=self._runtime.end, args=(held.id,))
                held.thread.start()
        for held in everything:
            if held.thread is not None:
                held.thread.join()

    @property
    def are_settled(self) -> bool:
        """Whether the node has at least one instance, and none is still being fetched or changed."""
        return bool(self._held) and all(
            not held.is_busy and held.state not in ("downloading", "allocating") and held.shown == held.state
            for held in self._held.values()
        )

    def _find_again(self) -> None:
        """Load the instances from before the last end of the node, and remove containers and images of no instance."""
        containers = self._runtime.containers()
        for held in held_files.read(self._files):
            container = containers.pop(held.id, None)
            if container is None and not self._images.has(held.start.digest):
                self._file_of(held.id).unlink()
                continue
            self._held[held.id] = held
            held.state, held.wait = "creating", self._first_wait
            is_new = container is not None and not container.is_running and container.exit_code is None
            say("found", instance=held.id, container=container is not None)
            if not self._runtime.runs or container is None:
                self._run_in_thread(held, self._recreate)
            elif held.parked or is_new:
                self._run_in_thread(held, self._begin)
            else:
                held.state, held.message = "running", self._runtime.remark
        for instance in containers:
            self._runtime.remove(instance)
        self._delete_unused_images()

    def _note_reported(self, instance: str, state: str) -> None:
        """Note that the portal has received this state."""
        held = self._held.get(instance)
        if held is None:
            return
        if state == "allocating":
            del self._held[instance]
        elif held.reported != state:
            held.reported = state
            if self._file_of(instance).exists() and not held.is_gone:
                held.write(self._files)

    def _check(self, held: Held, container: Container | None) -> None:
        if held.state == "running":
            if container is None:
                self._give_back(held, "its container is gone")
            elif not container.is_running:
                self._ended(held, container.exit_code or 0, f"ended with {container.exit_code or 0}")
        elif held.due is not None and time.monotonic() >= held.due:
            self._run_in_thread(held, self._begin)

    def _fetch(self, start: Start) -> None:
        say("start", instance=start.instance, image=start.image)
        before, held = self._held.get(start.instance), Held(start, wait=self._first_wait)

        def progress(percent: int, message: str) -> None:
            held.progress, held.message = min(percent, 100), message

        order = held.order = Order(
            image=start.image,
            node_id=self._identity.node_id or "",
            token=start.token,
            secure=self._secure,
            key_file=self._identity.key_file,
            progress=progress,
            size=start.size,
        )
        self._held[start.instance] = held
        self._run_in_thread(held, lambda held: self._fetch_and_run(held, order, before))

    def _stop(self, held: Held) -> None:
        before, held.state, held.message, held.due = held.thread, "stopping", "", None
        if held.order is not None:
            held.order.cancelled.set()

        def stop(held: Held) -> None:
            if before is not None:
                before.join()
            held.state = "stopping"
            self._runtime.end(held.id)
            self._runtime.remove(held.id)
            self._file_of(held.id).unlink(missing_ok=True)
            held.is_gone = True
            self._delete_unused_images()

        self._run_in_thread(held, stop)

    def _fetch_and_run(self, held: Held, order: Order, before: Held | None) -> None:
        """Fetch the image and run it. `before` is the same instance from an earlier order."""
        if before is not None:
            if before.order is not None:
                before.order.cancelled.set()
            if before.thread is not None:
                before.thread.join()
            self._runtime.remove(held.id)
        self._images.fetch(order)
        order.check()
        held.state, held.progress, held.message = "creating", 0, ""
        held.write(self._files)
        self._recreate(held)

    def _restart(self, held: Held) -> None:
        self._runtime.end(held.id)
        self._begin(held)

    def _recreate(self, held: Held) -> None:
        self._set_creating(held)
        if self._runtime.runs:
            self._runtime.create(held.start)
        self._begin(held)

    def _begin(self, held: Held) -> None:
        """Start the existing container."""
        held.due, held.since = None, time.monotonic()
        if held.parked:
            held.parked = False
            held.write(self._files)
        if not self._runtime.runs:
            held.state, held.message = "creating", self._runtime.remark
        else:
            try:
                self._runtime.start(held.id)
            except NotStarted as error:
                self._ended(held, error.exit_code, str(error))
                return
            held.state, held.message = "running", self._runtime.remark
        say("instance", instance=held.id, state=held.state, message=held.message)

    def _ended(self, held: Held, code: int, text: str) -> None:
        """Handle the end of a container by itself: schedule a restart, or not, by its restart policy."""
        policy = held.start.restart_policy
        held.exit_code, held.reported = code, ""
        if policy == "always" or (policy == "on_failure" and code != 0):
            if time.monotonic() - held.since >= STEADY_SECONDS:
                held.wait = self._first_wait
            held.due = time.monotonic() + held.wait
            held.state, held.message = "creating", f"{text}; it is started again in {held.wait:.0f} s"
            held.wait = min(2 * held.wait, MAX_WAIT)
        else:
            held.state, held.message = "exited", text
        say("ended_by_itself", instance=held.id, exit_code=code, state=held.state)

    def _set_creating(self, held: Held) -> None:
        held.state, held.message, held.exit_code, held.due = "creating", "", None, None
        held.reported = ""

    def _give_back(self, held: Held, reason: str) -> None:
        self._file_of(held.id).unlink(missing_ok=True)
        held.state, held.message = "allocating", f"given back: {reason}"
        say("failed", instance=held.id, reason=reason)

    def _run_in_thread(self, held: Held, work: Callable[[Held], None]) -> None:
        """Run the work in a thread of the instance."""
        held.thread = threading.Thread(target=self._work, args=(held, work), daemon=True)
        held.thread.start()

    def _work(self, held: Held, work: Callable[[Held], None]) -> None:
        try:
            work(held)
        except Cancelled:
            say("cancelled", instance=held.id)
        except (PullFailed, RuntimeFailed) as error:
            self._runtime.remove(held.id)
            self._give_back(held, str(error))
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._give_back(held, type(error).__name__)

    def _delete_unused_images(self) -> None:
        """Delete images that no instance needs."""
        self._images.keep_only({held.start.digest for held in list(self._held.values()) if not held.is_gone})

    def _file_of(self, instance: str) -> Path:
        return self._files / f"{instance}.json"
