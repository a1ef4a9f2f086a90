"""Portals to break: one for all tests that leave it whole, others of their own, each from the same prepared folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults import stage as stages
from tests.faults.portal import Portal
from tests.faults.proxy import FaultProxy
from tests.faults.stage import QUICK, Stage
from tests.interop.docker_registry import DockerRegistry
from tests.support.fakes.images import Built

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.faults)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with keys and tables."""
    folder = tmp_path_factory.mktemp("template")
    with Portal(folder) as portal:
        return portal.data


@pytest.fixture(scope="session")
def built() -> Built:
    return stages.build()


@pytest.fixture(scope="session")
def docker_registry(tmp_path_factory: pytest.TempPathFactory, built: Built) -> Iterator[DockerRegistry]:
    """Debian's docker-registry with one account and the image `team/app:1.0`."""
    with DockerRegistry(tmp_path_factory.mktemp("docker-registry")) as registry:
        stages.push(registry, tmp_path_factory.mktemp("layout") / "image", built)
        yield registry


@pytest.fixture(scope="session")
def _stage(
    template: Path, docker_registry: DockerRegistry, built: Built, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    with (
        FaultProxy(docker_registry.host) as proxy,
        Portal(tmp_path_factory.mktemp("portal"), template=template, **QUICK) as portal,
    ):
        portal.start_redis()
        portal.start_sweeper()
        yield Stage(portal, docker_registry, proxy, built)


@pytest.fixture
def stage(_stage: Stage) -> Iterator[Stage]:
    """The portal that tests share: Redis and a sweeper run, workers are the test's to start. After each test the
    checker looks at all that ever happened in it."""
    yield _stage
    _stage.proxy.heal()
    for process in list(_stage.portal.processes):
        if process.name.startswith("worker-"):
            _stage.portal.end(process)
    _stage.portal.tend()


@pytest.fixture
def own_stage(
    template: Path, docker_registry: DockerRegistry, built: Built, tmp_path: Path
) -> Iterator[Callable[..., Stage]]:
    """Make a portal of the test's own, with variables of its own; nothing runs yet but the process of `calls`."""
    with ExitStack() as stack:

        def make(*, prepared: bool = True, **environment: str) -> Stage:
            proxy = stack.enter_context(FaultProxy(docker_registry.host))
            portal = stack.enter_context(
                Portal(tmp_path / "portal", template=template if prepared else None, **QUICK | environment)
            )
            return Stage(portal, docker_registry, proxy, built)

        yield make
