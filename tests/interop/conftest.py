"""Real programs to work with: a registry, Redis, workers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.docker_registry import DockerRegistry


@pytest.fixture(scope="session")
def docker_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """Debian's docker-registry with one account: `.host`, `.user`, `.password`, `.push(repository, tag, directory)`."""
    with DockerRegistry(tmp_path_factory.mktemp("docker-registry")) as registry:
        yield registry
