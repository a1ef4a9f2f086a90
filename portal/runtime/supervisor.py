"""Child processes of `up` and `demo`: started, watched, restarted, and stopped at the end.

Each child leads a session of its own, so that Ctrl-C reaches only the parent, which then stops them in order. The
kernel ends them if the parent is killed. `portal.runtime.services` defines what is started.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from portal.config.env import CHECKOUT
from registries.secrets.private_files import make_private

STOP_SECONDS = 10.0
MAX_LOG_BYTES = 10_000_000
MAX_PAUSE_SECONDS = 30.0
_PR_SET_PDEATHSIG = 1


@dataclass
class Child:
    """One process: its name, command line and environment. Output goes to `<log_dir>/<name>.log`. `shares` are the
    file descriptors that it inherits."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    shares: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    next_start: float = 0.0
    since: float = 0.0

    @property
    def is_alive(self) -> bool:
        """Whether the process is running."""
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Keeps children running until `stop`. `say` is called with a line for each restart."""

    def __init__(self, log_dir: Path, say: Callable[[str], None]) -> None:
        self._log_dir = log_dir
        self._say = say
        self._children: list[Child] = []
        make_private(log_dir)

    def start(self, child: Child) -> Child:
        """Start a child and keep it running from now on."""
        self._children.append(child)
        self._launch(child)
        return child

    def tend(self) -> None:
        """Restart children that ended, after a pause that doubles with each restart. Call it repeatedly."""
        now = time.monotonic()
        for child in self._children:
            if child.is_alive:
                if now - child.since > MAX_PAUSE_SECONDS:
                    child.starts = 1
                continue
            if child.next_start == 0.0:
                pause = min(2.0 ** (child.starts - 1), MAX_PAUSE_SECONDS)
                child.next_start = now + pause
                code = child.process.returncode if child.process else None
                self._say(f"{child.name} ended ({code}); starting it again in {pause:.0f} s, see {self.log(child)}")
            elif now >= child.next_start:
                self._launch(child)

    def log(self, child: Child) -> Path:
        """The file that a child writes to."""
        return self._log_dir / f"{child.name}.log"

    def stop(self) -> None:
        """End all children, last started first, and all processes left in their sessions."""
        for child in reversed(self._children):
            if child.process is not None and child.is_alive:
                child.process.terminate()
                try:
                    child.process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    self._say(f"{child.name} did not end by itself within {STOP_SECONDS:.0f} s")
            if child.process is not None:
                signal_session(child.process.pid)
                child.process.wait()
        self._children.clear()

    def _launch(self, child: Child) -> None:
        with _open_log(self.log(child)) as log:
            child.process = subprocess.Popen(  # noqa: S603 (our own command lines)
                list(child.command),
                cwd=CHECKOUT,
                env={**os.environ, **child.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=child.shares,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )
        child.starts += 1
        child.since = time.monotonic()
        child.next_start = 0.0


def session_members(session: int) -> list[int]:
    """Return the ids of a session's processes. An RQ work-horse leaves its parent's process group, but not its session.
    Returns none where there is no /proc."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name in parentheses may hold blanks; the session is the fourth field behind it.
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(entry.parent.name))
    return found


def signal_session(session: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to every process of a session. Processes that have already ended are no error."""
    for pid in session_members(session):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _open_log(path: Path) -> IO[bytes]:
    if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
