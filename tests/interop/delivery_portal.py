"""A portal of its own for delivery tests: gunicorn on loopback, and beside it a process that does what workers and
people do there (`delivery_steps`), on the same database, keys and blobs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from portal.config.env import CHECKOUT
from tests.support.helper_process import Beside
from tests.support.processes import bare_environment, free_port, until, until_answers


class Portal:
    """The running portal, from a test's side: every other attribute is a call of `Steps`."""

    def __init__(self, url: str, steps: Any, own_url: str = "", web: WebProcess | None = None) -> None:
        self.url, self.own_url = url, own_url or url
        self._steps, self._web = steps, web

    def kill_web(self, number: int) -> None:
        """Send a signal to the web process and all that it forked; return once it is gone."""
        assert self._web is not None
        self._web.end(number)

    def start_web(self) -> None:
        """Start it again; return once it answers."""
        assert self._web is not None
        self._web.start()

    @property
    def host(self) -> str:
        return self.url.partition("//")[2]

    def __getattr__(self, call: str) -> Any:
        return getattr(self._steps, call)

    def until(self, condition: Callable[[], Any], seconds: float = 30) -> Any:
        """Return what `condition` comes to, once it comes to something."""
        return until(condition, seconds)


class WebProcess:
    """gunicorn, as `up` starts it."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self._command, self._environment, self._log = command, environment | {"PORTAL_ZONE": "web"}, log
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=CHECKOUT, env=self._environment, stderr=log, start_new_session=True
            )
        try:
            until_answers(f"http://127.0.0.1:{self._environment['PORT']}/livez", self._process, self._log)
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
    port = free_port()
    url, public_url = f"http://127.0.0.1:{port}", public_url.format(port=port) or f"http://127.0.0.1:{port}"
    environment = bare_environment() | {
        "PORTAL_DATA_DIR": str(folder),
        "PORTAL_PUBLIC_URL": public_url,
        "PORTAL_REGISTRY_ALLOW_NETWORKS": "127.0.0.0/8",
        "PORT": str(port),
        "REDIS_URL": "redis://127.0.0.1:1/0",  # nobody listens: the steps below are the worker
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        **settings,
    }
    subprocess.run([sys.executable, "manage.py", "prepare"], cwd=CHECKOUT, env=environment, check=True)
    steps = Beside("tests.interop.delivery_steps", environment, folder / "steps.log")
    try:
        web = WebProcess(steps.web_command(), environment, folder / "web.log")
        try:
            steps.set_up()
            yield Portal(public_url, steps, url, web)
        finally:
            web.end()
    finally:
        steps.close()
