"""The node's log: one JSON object per line on stdout, never a secret."""

from __future__ import annotations

import json
import os
import sys
import threading
from datetime import UTC, datetime

_one_at_a_time = threading.Lock()


def say(event: str, **fields: object) -> None:
    """Print one event."""
    line = json.dumps({"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **fields})
    with _one_at_a_time:
        try:
            print(line, flush=True)
        except BrokenPipeError:  # the reader is gone; continue without it
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115
