"""A portal of its own for delivery tests: gunicorn on loopback, and beside it a process that does what workers and
people do there (`delivery_steps`), on the same database, keys and blobs."""

from __future__ import annotations

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

    def __init__(self, url: str, steps: Any, own_url: str = "") -> None:
        self.url, self.own_url = url, own_url or url
        self._steps = steps

    @property
    def host(self) -> str:
        return self.url.partition("//")[2]

    def __getattr__(self, call: str) -> Any:
        return getattr(self._steps, call)

    def until(self, condition: Callable[[], Any], seconds: float = 30) -> Any:
        """Return what `condition` comes to, once it comes to something."""
        return until(condition, seconds)


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
        with (folder / "web.log").open("wb") as log:
            web = subprocess.Popen(
                steps.web_command(), cwd=CHECKOUT, env=environment | {"PORTAL_ZONE": "web"}, stderr=log
            )
        try:
            until_answers(f"{url}/livez", web, folder / "web.log")
            steps.set_up()
            yield Portal(public_url, steps, url)
        finally:
            web.terminate()
            web.wait(timeout=20)
    finally:
        steps.close()
