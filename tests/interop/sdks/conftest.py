"""A portal as people start it, and each of the two SDKs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PASSWORD
from tests.interop.launching import begin_migrated, fresh_environment, launch, lines_until, manage, wait_until_gone
from tests.interop.sdks import JavaScriptSdk, PythonSdk, install_javascript

HERE = ("acme", "default")
MAX_IMAGE_BYTES = 4_000_000


class Live:
    """A running `manage.py up` and what a test asks it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.address = f"http://localhost:{environment['PORT']}"
        self.url = f"{self.address}/api/public"
        self.key = ""
        self.process: Any = None

    def manage(self, *arguments: str) -> str:
        return manage(self.environment, *arguments)

    @contextmanager
    def without_store(self) -> Iterator[None]:
        """Put a file where the folder of the blobs should be."""
        blobs = Path(self.environment["PORTAL_DATA_DIR"]) / "blobs"
        aside = blobs.with_name("blobs-aside")
        blobs.mkdir(exist_ok=True)
        blobs.rename(aside)
        blobs.touch()
        try:
            yield
        finally:
            blobs.unlink()
            aside.rename(blobs)


@pytest.fixture(scope="session")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_javascript(tmp_path_factory.mktemp("sdk"))


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    live = Live(
        fresh_environment(tmp_path_factory.mktemp("live") / "var")
        | {
            "PORTAL_REGISTRY_ALLOW_NETWORKS": "127.0.0.0/8",
            "PORTAL_PULL_RETRY_SECONDS": "1",
            "PORTAL_MAX_IMAGE_BYTES": str(MAX_IMAGE_BYTES),
            "PORTAL_API_CALLS_A_MINUTE": "5000",
        }
    )
    begin_migrated(Path(live.environment["PORTAL_DATA_DIR"]))
    live.process = process = launch("up", live.environment)
    try:
        lines_until(process, "Ctrl-C")
        live.manage("create_organization", "acme", "--owner", "alice@acme.example", "--password", PASSWORD)
        live.key = live.manage("create_api_key", "acme", "--name", "sdk")
        yield live
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
        wait_until_gone(live.environment)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture(params=["python", "javascript"])
def opened(request: pytest.FixtureRequest, javascript: Path) -> Callable[[str, str], Any]:
    """One of the two SDKs, for an address and a key."""
    if request.param == "python":
        return PythonSdk
    return lambda url, key: JavaScriptSdk(url, key, javascript)


def prototype(name: str, image: str, authentication: dict[str, Any] | None, **values: Any) -> dict[str, Any]:
    container: dict[str, Any] = {"image": image, "resources": {"cpu": 1, "memory": 1024}}
    container |= values.pop("container", {})
    if authentication:
        container["registry_authentication"] = authentication
    group = {"name": name, "container": container, "autostart_policy": False, "replicas": 1, "restart_policy": "always"}
    return group | values
