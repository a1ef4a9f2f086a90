"""Keeping children running, and leaving none behind. Real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.runtime.supervisor import Child, Supervisor, session_members, signal_session
from tests.support.processes import until

pytestmark = pytest.mark.slow

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
# Leaves the process group, as an RQ work-horse does, and ignores being asked to go.
STUBBORN = """
import os, signal, time
if os.fork() == 0:
    os.setpgrp()
signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(600)
"""


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    monkeypatch.setattr("portal.runtime.supervisor.STOP_SECONDS", 0.5)
    made = Supervisor(tmp_path / "log", said.append)
    yield made
    made.stop()


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_output_goes_to_a_private_log(supervisor: Supervisor) -> None:
    child = supervisor.start(Child("teller", [sys.executable, "-c", "print('hello')"]))
    until(lambda: not child.is_alive)
    assert supervisor.log(child).read_text() == "hello\n"
    assert supervisor.log(child).stat().st_mode & 0o777 == 0o600


def test_a_dead_child_is_started_again(supervisor: Supervisor, said: list[str]) -> None:
    child = supervisor.start(Child("sleeper", SLEEP))
    assert child.process
    first = child.process.pid
    os.kill(first, signal.SIGKILL)
    until(lambda: not child.is_alive)

    def is_back() -> bool:
        supervisor.tend()
        return child.is_alive

    until(is_back)
    assert child.process.pid != first
    assert "sleeper ended (-9)" in said[0]


def test_stop_ends_what_left_its_group_and_ignores_signals(supervisor: Supervisor) -> None:
    child = supervisor.start(Child("stubborn", [sys.executable, "-c", STUBBORN]))
    assert child.process
    session = child.process.pid
    until(lambda: len(session_members(session)) == 2)
    pids = session_members(session)
    supervisor.stop()
    until(lambda: all(is_gone(pid) for pid in pids))


def test_a_process_that_has_already_ended_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    alive = subprocess.Popen(SLEEP)
    ended.wait()
    monkeypatch.setattr("portal.runtime.supervisor.session_members", lambda session: [ended.pid, alive.pid])
    signal_session(alive.pid)
    assert alive.wait(10) == -signal.SIGKILL


def test_children_end_when_the_parent_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from portal.runtime.supervisor import Child, Supervisor\n"
        f"child = Supervisor(Path({str(tmp_path)!r}), print).start(Child('sleeper', {SLEEP!r}))\n"
        "print(child.process.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    until(lambda: is_gone(pid))
