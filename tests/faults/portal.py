"""A portal of real processes in a folder of its own: Valkey, workers, sweeper, and a process that makes calls in it.

    with Portal(folder) as portal:
        portal.start_redis()
        portal.start_worker()
        made = portal.calls.create(organization="acme", name="app", reference=...)

Every process leads a session of its own and is killed with all it forked when the portal closes.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from portal.config.env import CHECKOUT
from portal.runtime.supervisor import session_members, signal_session
from tests.support.helper_process import Beside
from tests.support.processes import bare_environment, until

SWEEP_SECONDS = 0.5
_PR_SET_PDEATHSIG = 1


class Process:
    """One of the portal's processes, with its log."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.command = command
        self.environment = dict(environment)
        self.log = log
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                command,
                cwd=CHECKOUT,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def members(self) -> list[int]:
        """All processes of its session, work-horses too."""
        return session_members(self.pid)

    def horses(self) -> list[int]:
        """The processes that it forked and that are still there."""
        return [pid for pid in self.members() if pid != self.pid]

    def send(self, number: int) -> None:
        """Send a signal to this process alone."""
        os.kill(self.pid, number)

    def kill_all(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to it and all it forked."""
        signal_session(self.pid, number)

    def wait(self, seconds: float = 20) -> int:
        """Wait for its end; return its exit code."""
        return self._process.wait(seconds)

    def end(self) -> None:
        """Kill it with all it forked."""
        for pid in self.members():
            send(pid, signal.SIGCONT)
        while members := self.members():
            for pid in members:
                send(pid, signal.SIGKILL)
            self._process.poll()
            time.sleep(0.01)
        self._process.wait()


class Portal:
    """See the module. `environment` has variables in addition to the usual ones."""

    def __init__(self, folder: Path, *, template: Path | None = None, **environment: str) -> None:
        self.folder = folder
        self.data = folder / "var"
        self.blobs = Path(environment.get("PORTAL_STORAGE_URL", f"file://{self.data}/blobs").removeprefix("file://"))
        self.logs = folder / "logs"
        self.failpoints = folder / "failpoints"
        self.temp = folder / "tmp"
        for directory in (self.logs, self.failpoints, self.temp):
            directory.mkdir(parents=True, exist_ok=True)
        if template is not None:
            shutil.copytree(template, self.data)
        self.environment = {
            **bare_environment(),
            "PORTAL_DATA_DIR": str(self.data),
            "PORTAL_REGISTRY_ALLOW_NETWORKS": "127.0.0.0/8",
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "TMPDIR": str(self.temp),
            **environment,
        }
        self.processes: list[Process] = []
        self.redis: Process | None = None
        self._numbers: dict[str, int] = {}
        self.calls = Beside("tests.faults.portal_calls", self.environment, self.logs / "calls.log")
        try:
            if template is None:
                self.calls.prepare()
            self._commands: dict[str, list[str]] = self.calls.commands()
        except BaseException:
            self.calls.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End every process."""
        self.calls.close()
        for process in self.processes:
            process.end()
        self.processes.clear()

    @property
    def redis_socket(self) -> str:
        command = self._commands["redis"]
        return command[command.index("--unixsocket") + 1]

    def start_redis(self) -> Process:
        """Start Valkey, which keeps its append-only file across restarts; return once it answers."""
        from redis import Redis
        from redis.exceptions import RedisError

        self.redis = self.start("redis", self._commands["redis"])

        def answers() -> bool:
            with Redis(unix_socket_path=self.redis_socket, socket_timeout=2) as client:
                try:
                    return bool(client.ping())
                except RedisError:
                    return False

        until(answers, 15)
        return self.redis

    def start_worker(self, **environment: str) -> Process:
        """Start a worker as `up` starts it."""
        return self.start("worker", self._commands["worker"], PORTAL_ZONE="worker", **environment)

    def start_sweeper(self, **environment: str) -> Process:
        """Start a sweeper that passes more often than that of `up`."""
        command = [*self._commands["sweeper"][:-1], str(SWEEP_SECONDS)]
        return self.start("sweeper", command, PORTAL_ZONE="worker", **environment)

    def start(self, name: str, command: list[str], **environment: str) -> Process:
        """Start any process in the portal's environment. Call it from the main thread: a child dies with its parent
        thread."""
        number = self._numbers[name] = self._numbers.get(name, 0) + 1
        log = self.logs / f"{name}-{number}.log"
        process = Process(f"{name}-{number}", command, {**self.environment, **environment}, log)
        self.processes.append(process)
        return process

    def tend(self) -> list[Process]:
        """Start a new worker, sweeper or Redis for each that died, as `up` does; return the new ones."""
        dead = [process for process in self.processes if not process.is_alive and not process.members()]
        new = []
        for process in dead:
            self.processes.remove(process)
            kind = process.name.rpartition("-")[0]
            if kind == "redis":
                new.append(self.start_redis())
            elif kind in ("worker", "sweeper"):
                new.append(self.start(kind, process.command, **process.environment))
        return new

    def end(self, process: Process) -> None:
        """End a process that is needed no more."""
        process.end()
        self.processes.remove(process)

    def workers(self) -> list[Process]:
        """The workers that are alive."""
        return [process for process in self.processes if process.name.startswith("worker-") and process.is_alive]

    def log_tails(self, last: int = 3000) -> str:
        """The ends of all logs, for a failing test."""
        return "\n".join(f"--- {path.name}\n{path.read_text()[-last:]}" for path in sorted(self.logs.glob("*.log")))

    def until(self, what: Callable[[], Any], seconds: float = 30.0) -> Any:
        """Return what `what` comes to, once it comes to something; the logs are shown otherwise."""
        return until(what, seconds, self.log_tails)


def send(pid: int, number: int) -> None:
    """Send a signal to a process that may be gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
