"""Real programs to work with: a registry, a web process, `up` as people start it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.delivery_portal import Portal, running
from tests.interop.docker_registry import DockerRegistry
from tests.interop.launching import fresh_environment, wait_until_gone


@pytest.fixture(scope="session")
def docker_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """Debian's docker-registry with one account: `.host`, `.user`, `.password`, `.push(repository, tag, directory)`."""
    with DockerRegistry(tmp_path_factory.mktemp("docker-registry")) as registry:
        yield registry


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A web process, with steps beside it for what workers and people do."""
    with running(tmp_path_factory.mktemp("portal")) as portal:
        yield portal


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a fresh portal, with a free port."""
    return fresh_environment(tmp_path / "var")


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
