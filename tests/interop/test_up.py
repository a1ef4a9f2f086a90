"""`up` and `demo` as a person starts them: real processes, from the first start to the last."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from portal.demo.image import sample_image
from portal.env import CHECKOUT

pytestmark = pytest.mark.interop


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a fresh portal, with a free port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    return {**kept, "PORTAL_DATA_DIR": str(tmp_path / "var"), "PORT": str(port), "PORTAL_WORKERS": "1"}


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


def still_running(environment: dict[str, str]) -> list[str]:
    """Command lines of all processes that belong to this portal."""
    mark = f"PORTAL_DATA_DIR={environment['PORTAL_DATA_DIR']}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def wait_until_gone(environment: dict[str, str], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while left := still_running(environment):
        assert time.monotonic() < end, left
        time.sleep(0.1)


@pytest.fixture
def started(environment: dict[str, str]) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that the test started; whatever is left is killed."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
    wait_until_gone(environment)


def test_up_starts_everything_and_ctrl_c_ends_it(
    environment: dict[str, str], started: list[subprocess.Popen[str]]
) -> None:
    started.append(launch("up", environment))
    said = lines_until(started[0], "Ctrl-C")
    assert any("password" in line for line in said)
    address = f"http://localhost:{environment['PORT']}"
    with urlopen(f"{address}/readyz") as answer:
        assert json.load(answer) == {"ready": True, "missing": []}
    running = " ".join(still_running(environment))
    assert all(part in running for part in ("valkey-server", "gunicorn", "rqworker", "sweep"))

    # The contract: with the same environment, manage.py reaches the running portal, Redis included.
    made = subprocess.run(
        [sys.executable, "manage.py", "create_organization", "acme", "--owner", "alice@acme.example"],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr

    second = launch("up", environment)
    started.append(second)
    said_by_second, _ = second.communicate(timeout=60)
    assert second.returncode != 0
    assert "running already" in said_by_second

    started[0].send_signal(signal.SIGINT)
    started[0].communicate(timeout=60)
    assert started[0].returncode == 0
    assert still_running(environment) == []

    again = launch("up", environment)
    started.append(again)
    said = lines_until(again, "Ctrl-C")
    assert not any("password" in line for line in said), "the operator is made on the first start only"
    with sqlite3.connect(f"{environment['PORTAL_DATA_DIR']}/portal.sqlite3") as database:
        assert database.execute("SELECT slug FROM portal_organization").fetchall() == [("acme",)]


def test_a_killed_portal_leaves_no_process(environment: dict[str, str], started: list[subprocess.Popen[str]]) -> None:
    started.append(launch("up", environment))
    lines_until(started[0], "Ctrl-C")
    started[0].kill()
    wait_until_gone(environment)


def test_a_taken_port_is_named(environment: dict[str, str], started: list[subprocess.Popen[str]]) -> None:
    with socket.create_server(("127.0.0.1", int(environment["PORT"]))):
        started.append(launch("up", environment))
        said, _ = started[0].communicate(timeout=60)
    assert started[0].returncode != 0
    assert f"port {environment['PORT']} is in use" in said
    assert "Traceback" not in said


def test_the_demo_delivers_an_image_and_leaves_no_secret(
    environment: dict[str, str], started: list[subprocess.Popen[str]]
) -> None:
    started.append(launch("demo", {**environment, "DEMO_ONCE": "1"}))
    said, _ = started[0].communicate(timeout=180)
    assert started[0].returncode == 0, said
    figures = json.loads(said.splitlines()[-1])
    assert figures["equal"] is True
    assert figures["credential_destroyed"] is True
    assert figures["image_bytes"] > 20_000_000
    assert [word for word in ("pending", "stopped", "deploying", "delivered") if f"  {word} " not in said] == []
    assert still_running(environment) == []

    # No secret and no plaintext anywhere but in the registry's own file and on the node.
    home = Path(environment["PORTAL_DATA_DIR"])
    secret = (home / "demo" / "registry-password").read_bytes().strip()
    image = sample_image()
    plain = [image.blobs[digest][4096:4160] for digest in image.layer_digests]
    assert len(plain) > 1
    for path in home.rglob("*"):
        if path.is_file() and "demo" not in path.relative_to(home).parts:
            content = path.read_bytes()
            assert secret not in content, path
            assert not any(piece in content for piece in plain), path
