"""A running `python -m groups.agent`, from a test's side."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from portal.config.env import CHECKOUT
from tests.interop.delivery_portal import Portal
from tests.support.processes import bare_environment


def _code_in_file(data: Path, options: tuple[str, ...]) -> list[str]:
    """The options, with a code that they contain in a file, as the documentation says."""
    if "--code" not in options:
        return list(options)
    at = options.index("--code")
    file = data.with_name(f"{data.name}.code")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{options[at + 1]}\n")
    return [*options[:at], "--code-file", str(file), *options[at + 2 :]]


class Agent:
    """The process, and the events that it has printed so far."""

    def __init__(self, portal: Portal, data: Path, *options: str) -> None:
        self.data = data
        self.events: list[dict[str, Any]] = []
        command = [sys.executable, "-m", "groups.agent", "--portal", portal.url, "--data", str(data)]
        command += ["--interval", "0.1", "--cpu", "8", "--memory-mb", "16384", *_code_in_file(data, options)]
        self.process = subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env=bare_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        self.events.extend(json.loads(line) for line in self.process.stdout)

    def heard(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.events if line["event"] == event]

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Signal it and return its exit code and what it wrote to stderr."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> tuple[int, str]:
        assert self.process.stderr
        assert self.process.stdout
        code = self.process.wait(30)
        self._reader.join()
        said = self.process.stderr.read()
        self.process.stderr.close()
        self.process.stdout.close()
        return code, said
