"""`manage.py up` and `demo` as processes, and what is left of them."""

from __future__ import annotations

import functools
import re
import sqlite3
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from pathlib import Path

from portal.config.env import CHECKOUT
from tests.support.processes import bare_environment, free_port, until


def fresh_environment(data: Path) -> dict[str, str]:
    """The environment of a portal with its data in a folder of its own, on free ports."""
    return (
        bare_environment()
        | {"PORTAL_DATA_DIR": str(data), "PORT": str(free_port())}
        | {
            "PORTAL_LAYERS_PORT": str(free_port()),
            "PORTAL_WORKERS": "1",
        }
    )


def begin_migrated(data: Path) -> None:
    """Put a migrated database into the folder of a portal that has not started yet. All migrations together take many
    seconds; `test_up.py` starts without."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    (data / "portal.sqlite3").touch(mode=0o600)
    (data / "portal.sqlite3").write_bytes(_migrated())


@functools.cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        manage(fresh_environment(Path(folder)), "migrate")
        whole = Path(folder, "whole.sqlite3")
        with closing(sqlite3.connect(Path(folder, "portal.sqlite3"))) as database:
            database.execute("VACUUM INTO ?", [str(whole)])
        return whole.read_bytes()


def launch(command: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", command],
        cwd=CHECKOUT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def lines_until(process: subprocess.Popen[str], last: str) -> list[str]:
    """Read what the process says up to the line that begins with `last`."""
    assert process.stdout
    said: list[str] = []
    for line in process.stdout:
        said.append(line.rstrip())
        if line.startswith(last):
            return said
    raise AssertionError(f"it ended without {last!r}: {said}")


def manage(environment: dict[str, str], *arguments: str) -> str:
    """Run a `manage.py` command in the portal's environment; return the last line that it printed."""
    command = [str(CHECKOUT / ".venv/bin/python"), "manage.py", *arguments]
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


def processes_of(environment: dict[str, str]) -> list[int]:
    """The ids of all processes that belong to this portal."""
    mark = f"PORTAL_DATA_DIR={environment['PORTAL_DATA_DIR']}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def still_running(environment: dict[str, str]) -> list[str]:
    """Command lines of all processes that belong to this portal."""
    found = []
    for pid in processes_of(environment):
        try:
            found.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


class CommandLines:
    """Collects the command lines of all processes of a portal, short-lived ones included, while the context lasts."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.seen: set[str] = set()
        self._environment = environment
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> CommandLines:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.1):
            self.seen.update(still_running(self._environment))


def secrets_of(environment: dict[str, str], said: str) -> set[str]:
    """What nobody may see: the passwords and links that a portal printed, and the files with its keys and passwords."""
    home = Path(environment["PORTAL_DATA_DIR"])
    files = [*home.glob("keys/web/django-secret"), *home.glob("demo/registry-password"), *home.glob("demo/node-code")]
    texts = {path.read_text().strip() for path in files} | set(re.findall(r"password (?!in )(\S+)", said))
    texts |= set(re.findall(r"/key/\w+-(drp_[\w-]+)/", said))
    return texts | {value for name, value in environment.items() if name.endswith("TOKEN")}


def wait_until_gone(environment: dict[str, str], seconds: float = 20) -> None:
    until(lambda: not still_running(environment), seconds, lambda: still_running(environment))
