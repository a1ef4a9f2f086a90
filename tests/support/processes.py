"""What tests of real processes need: a free port, an environment without settings of a portal, and waiting."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def bare_environment() -> dict[str, str]:
    """This process's environment without the settings of a portal, so without those of the tests."""
    named = ("DATABASE_URL", "TEST_DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")
    return {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_") and name not in named}


def until(what: Callable[[], Any], seconds: float = 60.0, context: Callable[[], object] = lambda: "") -> Any:
    """Wait until `what` returns something true, and return that. Fails with `context` after `seconds`."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, f"it did not happen within {seconds:.0f} s\n{context()}"
        time.sleep(0.03)
    return found


def until_answers(address: str, process: subprocess.Popen[Any], log: Path) -> None:
    """Wait until a process answers HTTP, whatever it says. One that has ended is not waited for."""
    direct = build_opener(ProxyHandler({}))

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            direct.open(address, timeout=2).close()
        except HTTPError as answer:
            answer.close()
        except OSError:
            return False
        return True

    until(answers, 60, log.read_text)
