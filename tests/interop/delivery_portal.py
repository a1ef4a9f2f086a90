"""A portal of its own for delivery tests: its web process, the one that sends layers, and beside them
a process that does what workers and people do there (`delivery_steps`), on the same database, keys and blobs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from portal.config.env import CHECKOUT
from tests.interop.launching import begin_migrated
from tests.support.helper_process import Beside
from tests.support.processes import bare_environment, free_port, until, until_answers


class Portal:
    """The running portal, from a test's side: every other attribute is a call of `Steps`."""

    def __init__(self, url: str, steps: Any, own_url: str = "", layers_url: str = "", own_layers_url: str = "") -> None:
        self.url, self.own_url = url, own_url or url
        self.layers_url = layers_url or url
        self.own_layers_url = own_layers_url or self.layers_url
        self.folder = Path()
        self._steps = steps
        self._processes: dict[str, ServerProcess] = {}

    @property
    def pids(self) -> dict[str, int]:
        """The ids of what serves: `web` and `layers`."""
        return {name: process.pid for name, process in self._processes.items()}

    def kill_servers(self, number: int) -> None:
        """Send a signal to the processes that serve; return once they are gone."""
        for process in self._processes.values():
            process.end(number)

    def start_servers(self) -> None:
        """Start them again; return once they answer."""
        for process in self._processes.values():
            process.start()

    @property
    def host(self) -> str:
        """Where nodes fetch layers."""
        return self.layers_url.partition("//")[2]

    def __getattr__(self, call: str) -> Any:
        return getattr(self._steps, call)

    def until(self, condition: Callable[[], Any], seconds: float = 30) -> Any:
        """Return what `condition` comes to, once it comes to something."""
        return until(condition, seconds)


class ServerProcess:
    """A process that serves, as `up` starts it."""

    def __init__(self, command: list[str], port: int, environment: dict[str, str], log: Path) -> None:
        self._command, self._port, self._log = command, port, log
        self._environment = environment | {"PORTAL_ZONE": "web"}
        self.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=CHECKOUT, env=self._environment, stderr=log, start_new_session=True
            )
        try:
            until_answers(f"http://127.0.0.1:{self._port}/livez", self._process, self._log)
        except BaseException:
            self.end()
            raise

    def end(self, number: int = signal.SIGTERM) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)
        self._process.wait(timeout=20)


@contextmanager
def running(folder: Path, public_url: str = "", **settings: str) -> Iterator[Portal]:
    """A portal with its data in `folder`; `public_url` where it is reached by another address than its own."""
    port, layers_port = free_port(), free_port()
    address = public_url or "http://127.0.0.1:{port}"
    url, public_url = f"http://127.0.0.1:{port}", address.format(port=port)
    layers_url = address.format(port=layers_port)
    environment = bare_environment() | {
        "PORTAL_DATA_DIR": str(folder),
        "PORTAL_PUBLIC_URL": public_url,
        "PORTAL_REGISTRY_ALLOW_NETWORKS": "127.0.0.0/8",
        "PORT": str(port),
        "PORTAL_LAYERS_PORT": str(layers_port),
        "PORTAL_LAYERS_URL": layers_url,
        "REDIS_URL": "redis://127.0.0.1:1/0",  # nobody listens: the steps below are the worker
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        **settings,
    }
    if "DATABASE_URL" not in settings:
        begin_migrated(folder)
    subprocess.run([sys.executable, "manage.py", "prepare"], cwd=CHECKOUT, env=environment, check=True)
    steps = Beside("tests.interop.delivery_steps", environment, folder / "steps.log")
    with ExitStack() as stack:
        stack.callback(steps.close)
        portal = Portal(public_url, steps, url, layers_url, f"http://127.0.0.1:{layers_port}")
        portal.folder = folder
        for name, at, command in (
            ("web", port, steps.web_command()),
            ("layers", layers_port, steps.layers_command()),
        ):
            process = ServerProcess(command, at, environment, folder / f"{name}.log")
            stack.callback(process.end)
            portal._processes[name] = process
        steps.set_up()
        yield portal
