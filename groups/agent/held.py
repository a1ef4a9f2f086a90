"""One instance that the node holds, its report to the portal, and its file, which survives the node's restart.

<data>/instances/<id>.json    the start order without the token, and the last reported state; for this user only
"""

from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from groups.agent.events import say
from groups.agent.files import write_private
from groups.agent.order import Order
from groups.agent.portal import Start

ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MAX_MESSAGE_LENGTH = 300


@dataclass
class Held:
    """`state` is the present state, `reported` the last one that the portal received. `parked` says that the container
    was ended with the node and has to be started again. `due` is when the container is restarted and `since` when it
    was started, in seconds of the monotonic clock; `wait` is the length of the next pause before a restart."""

    start: Start
    state: str = "downloading"
    progress: int = 0
    message: str = ""
    exit_code: int | None = None
    reported: str = ""
    parked: bool = False
    due: float | None = None
    wait: float = 0
    since: float = field(default_factory=time.monotonic)
    order: Order | None = None
    thread: threading.Thread | None = None
    is_gone: bool = False

    @property
    def id(self) -> str:
        return self.start.instance

    @property
    def is_busy(self) -> bool:
        """Whether a thread works on it."""
        return self.thread is not None and self.thread.is_alive()

    @property
    def shown(self) -> str:
        """The state to report: `creating` is reported before each `running`, however short it was."""
        return "creating" if self.state == "running" and self.reported not in ("creating", "running") else self.state

    def report(self) -> dict[str, object]:
        """The instance's entry in a poll."""
        shown = self.shown
        ended = self.exit_code if shown in ("creating", "exited") else None
        message = self.message[:MAX_MESSAGE_LENGTH] if shown == self.state else ""
        report: dict[str, object] = {"id": self.id, "state": shown, "progress": self.progress, "message": message}
        return report | ({} if ended is None else {"exit_code": ended})

    def write(self, folder: Path) -> None:
        """Write the instance's file."""
        start = {name: value for name, value in asdict(self.start).items() if name != "token"}
        kept = {"start": start, "told": self.reported, "parked": self.parked}
        write_private(folder / f"{self.id}.json", json.dumps(kept).encode())


def read(folder: Path) -> list[Held]:
    """Read all instances of the folder; deletes files that can't be read."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            kept = json.loads(path.read_bytes())
            held = Held(Start(token="", **kept["start"]), reported=kept["told"], parked=kept["parked"])
            if not ID.fullmatch(held.id) or path.stem != held.id:
                raise ValueError(path.name)
        except (ValueError, KeyError, TypeError) as error:
            say("forgotten", file=path.name, reason=type(error).__name__)
            path.unlink()
            continue
        found.append(held)
    return found
