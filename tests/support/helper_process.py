"""A process beside a portal, in its environment, that does what people and workers do there with the project's code.

It reads `{"call", "arguments"}`, a line each, and answers each with its result. So no test opens a portal's database
from a process that has something else to do with it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from portal.config.env import CHECKOUT


class CallFailed(AssertionError):
    """A call ended with an error over there, or the process is gone."""


class Beside:
    """The near end: every attribute is a call. `module` is one that serves when it is run."""

    def __init__(self, module: str, environment: Mapping[str, str], log: Path) -> None:
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module],
                cwd=CHECKOUT,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )

    def __getattr__(self, call: str) -> Any:
        def ask(**arguments: Any) -> Any:
            assert self._process.stdin
            assert self._process.stdout
            self._process.stdin.write(json.dumps({"call": call, "arguments": arguments}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
            if not line:
                raise CallFailed(f"{call}: the process is gone")
            answer = json.loads(line)
            if "error" in answer:
                raise CallFailed(f"{call}: {answer['error']}\n{answer['traceback']}")
            return answer["result"]

        return ask

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


class Calls:
    """What can be asked of every such process: the product's own command lines."""

    def commands(self) -> dict[str, list[str]]:
        """Those of what has no port, by name."""
        from portal.runtime import services

        redis = services.embedded_redis()
        assert redis is not None
        return {
            "redis": list(redis.command),
            "worker": list(services.worker(1).command),
            "sweeper": list(services.sweeper().command),
        }

    def web_command(self) -> list[str]:
        """The web process's, on the port that the environment names, which must be free."""
        from portal.runtime import services

        return list(services.web().command)

    def layers_command(self) -> list[str]:
        """That of the process that sends layers."""
        from portal.runtime import services

        return list(services.layers().command)


def serve(calls: Calls) -> None:
    """The far end: answer with the methods of `calls`, until nobody asks any more."""
    import django

    django.setup()
    from django.db import close_old_connections

    for line in sys.stdin:
        asked = json.loads(line)
        try:
            close_old_connections()
            answer = {"result": getattr(calls, asked["call"])(**asked["arguments"])}
        except Exception as error:
            answer = {"error": repr(error), "traceback": traceback.format_exc()}
        print(json.dumps(answer), flush=True)
