"""What the node tells whoever runs it: one JSON object a line on stdout, never a secret."""

from __future__ import annotations

import json
import os
import sys
import threading
from datetime import UTC, datetime
from typing import Any

_one_at_a_time = threading.Lock()


def say(event: str, **fields: Any) -> None:
    """Print one event."""
    line = json.dumps({"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **fields})
    with _one_at_a_time:
        try:
            print(line, flush=True)
        except BrokenPipeError:  # nobody listens any more; go on without
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115
