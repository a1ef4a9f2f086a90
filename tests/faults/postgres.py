"""A PostgreSQL of the test's own that can be killed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from tests.faults.portal import send, until
from tests.postgresql import programs


class Postgres:
    """A server on a free port of loopback, with its data in a folder of its own; gone with it. As root it runs as
    nobody, since it refuses to run as root."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="drayage-pg-"))
        self.data = self.folder / "data"
        self._user = "nobody" if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(self.folder, self._user)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self._port = probe.getsockname()[1]
        options = ["--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"]
        self._run("initdb", "-D", str(self.data), "-U", "portal", *options)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgres://portal@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        """Start it; return once it answers."""
        with (self.folder / "log").open("ab") as log:
            command = [str(programs() / "postgres"), "-D", str(self.data), "-h", "127.0.0.1", "-p", str(self._port)]
            command += ["-k", "", "-c", "max_connections=60", "-c", "shared_buffers=32MB"]
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, user=self._user, cwd="/", start_new_session=True
            )
        until(self._answers, 30, lambda: (self.folder / "log").read_text())

    def kill(self) -> None:
        """Kill the server and all its processes at once."""
        assert self._process is not None
        for pid in self._members():
            send(pid, signal.SIGKILL)
        self._process.wait()
        until(lambda: not self._members(), 10)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill()
        shutil.rmtree(self.folder)

    def _members(self) -> list[int]:
        """The server and its processes, each of which leads a session of its own."""
        assert self._process is not None
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self._process.pid)], capture_output=True, text=True, check=False
        )
        return [pid for pid in [self._process.pid, *map(int, children.stdout.split())] if _runs(pid)]

    def _answers(self) -> bool:
        command = [str(programs() / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self._port)]
        return subprocess.run(command, check=False).returncode == 0

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(programs() / program), *arguments]
        subprocess.run(command, check=True, capture_output=True, user=self._user, cwd="/")


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
