"""Wall clock, CPU and peak memory of a process from its start to its end."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spent:
    """Seconds of wall clock and CPU, and the largest resident size in bytes."""

    wall: float
    cpu: float
    rss: float


def of_command(command: Sequence[str]) -> Spent:
    """Run a program that must succeed."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    return _wait(process.pid, began)


def of_fork(work: Callable[[], object]) -> Spent:
    """Do something in a forked process."""
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return _wait(pid, began)


def _wait(pid: int, began: float) -> Spent:
    _, status, usage = os.wait4(pid, 0)
    wall = time.monotonic() - began
    if status:
        raise RuntimeError(f"the measured process ended with {status}")
    return Spent(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024.0)
