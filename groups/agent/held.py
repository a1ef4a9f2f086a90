"""One instance that the node holds, as the portal hears of it, and what of it outlives the node's own restart.

<data>/instances/<id>.json    what was ordered, without the token, and what the portal has heard; for this user only
"""

from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from groups.agent.events import say
from groups.agent.files import write_private
from groups.agent.order import Order
from groups.agent.portal import Start

ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MAX_MESSAGE_LENGTH = 300


@dataclass
class Held:
    """`state` is how far it is; `told` the state that the portal heard last. `due` is when it starts again, `wait`
    how long the next such pause is, `since` when it was started, all in seconds of the monotonic clock."""

    start: Start
    state: str = "downloading"
    progress: int = 0
    message: str = ""
    exit_code: int | None = None
    told: str = ""
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
        """Whether a thread is at it."""
        return self.thread is not None and self.thread.is_alive()

    @property
    def shown(self) -> str:
        """The state to report: the portal hears `creating` before each `running`, however short that was."""
        return "creating" if self.state == "running" and self.told not in ("creating", "running") else self.state

    def report(self) -> dict[str, Any]:
        """What a poll says of it."""
        shown = self.shown
        ended = self.exit_code if shown in ("creating", "exited") else None
        message = self.message[:MAX_MESSAGE_LENGTH] if shown == self.state else ""
        report = {"id": self.id, "state": shown, "progress": self.progress, "message": message}
        return report | ({} if ended is None else {"exit_code": ended})

    def write(self, folder: Path) -> None:
        """Keep it for the node's next start."""
        start = {name: value for name, value in asdict(self.start).items() if name != "token"}
        kept = {"start": start, "told": self.told, "parked": self.parked}
        write_private(folder / f"{self.id}.json", json.dumps(kept).encode())


def read(folder: Path) -> list[Held]:
    """Everything that was kept in the folder; what can't be read is forgotten."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            kept = json.loads(path.read_bytes())
            held = Held(Start(token="", **kept["start"]), told=kept["told"], parked=kept["parked"])
            if not ID.fullmatch(held.id) or path.stem != held.id:
                raise ValueError(path.name)
        except (ValueError, KeyError, TypeError) as error:
            say("forgotten", file=path.name, reason=type(error).__name__)
            path.unlink()
            continue
        found.append(held)
    return found
