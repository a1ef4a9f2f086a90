"""Real programs to work with: a registry, Redis, workers."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.docker_registry import DockerRegistry
from tests.interop.launching import wait_until_gone


@pytest.fixture(scope="session")
def docker_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """Debian's docker-registry with one account: `.host`, `.user`, `.password`, `.push(repository, tag, directory)`."""
    with DockerRegistry(tmp_path_factory.mktemp("docker-registry")) as registry:
        yield registry


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a fresh portal, with a free port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PORTAL_")}
    return {**kept, "PORTAL_DATA_DIR": str(tmp_path / "var"), "PORT": str(port), "PORTAL_WORKERS": "1"}


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
