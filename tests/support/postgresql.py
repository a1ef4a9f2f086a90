"""A real PostgreSQL of a test's own: in a temporary folder, on a free port of loopback, gone with the test."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self

import psycopg

from tests.support.processes import free_port, until


class Postgres:
    """A server with one empty database, whose `url` is as `DATABASE_URL` takes it. It can be killed and started again.
    Unless it is to be durable, as a deployed one is, it doesn't wait for the disk."""

    def __init__(self, *, durable: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="drayage-pg-"))
        self._data = self.folder / "data"
        self._programs = _programs()
        self._as_somebody = _as_somebody(self.folder)
        self._port = free_port()
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self._port,
            "unix_socket_directories": "",
            "max_connections": 200,
            "fsync": "on" if durable else "off",
            "synchronous_commit": "on" if durable else "off",
            "full_page_writes": "on" if durable else "off",
        }
        self._options = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgres://drayage@127.0.0.1:{self._port}/postgres"

    @property
    def pid(self) -> int:
        """The server's first process, the parent of those that serve connections."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it; return once it answers."""
        with (self.folder / "log").open("ab") as log:
            command = [str(self._programs / "postgres"), "-D", str(self._data), *self._options]
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True, **self._as_somebody
            )
        until(self._answers, 60, (self.folder / "log").read_text)

    def dump(self) -> bytes:
        """All rows, as SQL."""
        url = self.url.replace("postgres://", "postgresql://")
        command = [str(self._programs / "pg_dump"), "--inserts", url]
        return subprocess.run(command, check=True, capture_output=True).stdout

    def kill(self) -> None:
        """Kill the server and all its processes at once."""
        assert self._process is not None
        for pid in self._members():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._process.wait()
        until(lambda: not self._members(), 10)

    def __enter__(self) -> Self:
        command = [str(self._programs / "initdb"), "-D", str(self._data), "-U", "drayage", "--auth=trust", "-E", "UTF8"]
        try:
            subprocess.run([*command, "-N"], check=True, capture_output=True, timeout=120, **self._as_somebody)
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)  # which also takes back the shared memory
            self._process.wait(timeout=30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _members(self) -> list[int]:
        """The server and its processes, each of which leads a session of its own."""
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.pid)], capture_output=True, text=True, check=False
        )
        return [pid for pid in [self.pid, *map(int, children.stdout.split())] if _runs(pid)]

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log").read_text()
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def _programs() -> Path:
    """Return the folder of PostgreSQL's programs. A machine without them fails the test."""
    found = shutil.which("postgres")
    if found:
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    assert installed, "these tests need PostgreSQL: install postgresql"
    return installed[-1].parent


def _as_somebody(home: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root: then it runs as nobody, who gets the folder."""
    if os.geteuid() != 0:
        return {"cwd": home}
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    return {"cwd": home, "user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
