"""A real PostgreSQL of a test's own: in a temporary folder, on a free port of loopback, gone with the test."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg


def programs() -> Path:
    """Return the folder of PostgreSQL's programs. A machine without them fails the test."""
    found = shutil.which("postgres")
    if found:
        return Path(found).resolve().parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    assert installed, "these tests need PostgreSQL: install postgresql"
    return installed[-1].parent


@contextmanager
def postgresql(*, durable: bool = False) -> Iterator[str]:
    """Yield the address of an empty database, as `DATABASE_URL` takes it. Unless it is to be durable, as a deployed
    one is, it doesn't wait for the disk."""
    home = Path(tempfile.mkdtemp(prefix="drayage-pg-"))
    data, started = home / "data", _as_somebody(home)
    try:
        command = [str(programs() / "initdb"), "-D", str(data), "-U", "drayage", "--auth=trust", "-E", "UTF8", "-N"]
        subprocess.run(command, check=True, capture_output=True, timeout=120, **started)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        options = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": str(home),
            "max_connections": 200,
            "fsync": "on" if durable else "off",
        }
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with open(home / "log", "wb") as log:
            server = subprocess.Popen(
                [str(programs() / "postgres"), "-D", str(data), *arguments], stdout=log, stderr=log, **started
            )
        try:
            address = f"postgres://drayage@127.0.0.1:{port}/postgres"
            _wait_for(address, server)
            yield address
        finally:
            server.send_signal(signal.SIGQUIT)
            server.wait(timeout=30)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _as_somebody(home: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root: then it runs as nobody, who gets the folder."""
    if os.geteuid() != 0:
        return {"cwd": home}
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    return {"cwd": home, "user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(address, connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            assert server.poll() is None, "PostgreSQL ended"
            assert time.monotonic() < end, "PostgreSQL does not answer"
            time.sleep(0.05)
