"""SaladCloud's official SDKs drive a live portal: real workers, Debian's docker-registry, a node that polls."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from portal.env import CHECKOUT
from tests.conftest import PASSWORD
from tests.fakes.certificates import Authority
from tests.fakes.images import build_image
from tests.fakes.registry import FakeRegistry
from tests.interop import podman_machine
from tests.interop.busybox import PRINTED, busybox_layers
from tests.interop.delivery_portal import Portal, running
from tests.interop.docker_registry import DockerRegistry, write_layout
from tests.interop.launching import launch, lines_until, wait_until_gone
from tests.interop.sdks import ApiRefused, JavaScriptSdk, PythonSdk, install_javascript
from tests.interop.test_whole_way import Machine, until

pytestmark = pytest.mark.interop

HERE = ("acme", "default")
SECRET = "canary-99ab-secret"  # pragma: allowlist secret
LARGEST = 4_000_000


class Live:
    """A running `manage.py up` and what a test asks it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.address = f"http://localhost:{environment['PORT']}"
        self.url = f"{self.address}/api/public"
        self.key = ""
        self.process: Any = None

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [str(CHECKOUT / ".venv/bin/python"), "manage.py", *arguments],
            cwd=CHECKOUT,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip().splitlines()[-1]

    @contextmanager
    def without_store(self) -> Iterator[None]:
        """A file stands where the folder of the blobs should be."""
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


@pytest.fixture(scope="module")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install_javascript(tmp_path_factory.mktemp("sdk"))


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PORTAL_", "DATABASE_", "REDIS_"))
    }
    live = Live(
        kept
        | {
            "PORTAL_DATA_DIR": str(tmp_path_factory.mktemp("live") / "var"),
            "PORT": str(port),
            "PORTAL_WORKERS": "1",
            "PORTAL_REGISTRY_ALLOW_NETWORKS": "127.0.0.0/8",
            "PORTAL_PULL_RETRY_SECONDS": "1",
            "PORTAL_MAX_IMAGE_BYTES": str(LARGEST),
            "PORTAL_API_CALLS_A_MINUTE": "5000",
        }
    )
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
def opened(request: Any, javascript: Path) -> Callable[[str, str], Any]:
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


def test_a_group_goes_the_whole_way(
    live: Live, opened: Any, docker_registry: DockerRegistry, tmp_path: Path, request: Any
) -> None:
    name = f"way-{request.node.callspec.params['opened']}"
    image = docker_registry.push(name, "1", write_layout(tmp_path / "one", build_image([os.urandom(500_000)])))
    newer = docker_registry.push(name, "2", write_layout(tmp_path / "two", build_image([os.urandom(300_000)])))
    shown = {"basic": {"username": docker_registry.user, "password": docker_registry.password}}
    probe = {"failure_threshold": 3, "initial_delay_seconds": 5, "period_seconds": 10, "success_threshold": 1}
    asked = prototype(
        name,
        image,
        shown,
        display_name="The whole way",
        country_codes=["de"],
        liveness_probe=probe | {"timeout_seconds": 30, "tcp": {"port": 80}},
        networking={"auth": False, "port": 80, "protocol": "http"},
        container={"command": ["serve"], "environment_variables": {"GREETING": "hello"}, "priority": "low"},
    )

    with opened(live.url, live.key) as sdk:

        def group() -> Any:
            return sdk.call("get_container_group", *HERE, name)

        def status() -> str:
            return str(group()["current_state"]["status"])

        made = sdk.call("create_container_group", *HERE, body=asked)
        assert made["current_state"]["status"] in ("pending", "stopped")
        until(lambda: status() == "stopped")
        there = group()
        assert there["container"]["hash"].startswith("sha256:")
        assert there["container"]["environment_variables"] == {"GREETING": "hello"}
        assert "liveness_probe" in there["current_state"]["description"]
        assert [each["name"] for each in sdk.call("list_container_groups", *HERE)["items"] if each["name"] == name]

        machine = Machine(live.address, live.manage("create_enrolment", name))
        sdk.call("start_container_group", *HERE, name)
        assert status() == "deploying"
        (instance,) = sdk.call("list_container_group_instances", *HERE, name)["instances"]
        assert instance["state"] == "allocating"
        given = until(lambda: machine.poll()["start"])[0]
        assert (given["command"], given["environment"]) == (["serve"], {"GREETING": "hello"})
        machine.poll({"id": given["instance"], "state": "running", "progress": 100, "message": ""})
        assert status() == "running"
        one = sdk.call("get_container_group_instance", *HERE, name, given["instance"])
        assert (one["state"], one["machine_id"], one["ready"]) == ("running", machine.id, True)
        cost = sdk.call("update_container_group_instance", *HERE, name, given["instance"], body={"deletion_cost": 50})
        assert cost["deletion_cost"] == 50
        sdk.call("restart_container_group_instance", *HERE, name, given["instance"])
        sdk.call("recreate_container_group_instance", *HERE, name, given["instance"])

        # Another image: pulled first, while the old one runs on; then what runs is replaced.
        changed = sdk.call(
            "update_container_group",
            *HERE,
            name,
            body={"container": {"image": newer, "registry_authentication": shown}, "replicas": 2},
        )
        assert changed["replicas"] == 2
        until(lambda: not group()["pending_change"])
        assert group()["container"]["image"] == newer
        assert given["instance"] in machine.poll({"id": given["instance"], "state": "running"})["stop"]
        again = until(lambda: machine.poll()["start"])
        assert given["image"] not in [each["image"] for each in again]

        used = sdk.call("get_quotas", "acme")["container_groups_quotas"]["container_replicas_used"]
        assert used >= 2
        sdk.call("reallocate_container_group_instance", *HERE, name, again[0]["instance"])
        sdk.call("stop_container_group", *HERE, name)
        assert status() == "stopped"
        sdk.call("delete_container_group", *HERE, name)
        with pytest.raises(ApiRefused) as gone:
            group()
        assert (gone.value.status, "nothing of this name" in gone.value.detail) == (404, True)


def test_the_reference_node_runs_what_an_sdk_made(
    live: Live, opened: Any, docker_registry: DockerRegistry, tmp_path: Path, request: Any
) -> None:
    assert shutil.which("podman"), "this test needs podman"
    name = f"runs-{request.node.callspec.params['opened']}"
    image = docker_registry.push(name, "1", write_layout(tmp_path / "layout", build_image(busybox_layers())))
    shown = {"basic": {"username": docker_registry.user, "password": docker_registry.password}}
    script = 'cat /srv/hello.txt; trap "exit 0" TERM; while :; do sleep 0.1; done'
    container = {"command": ["/bin/busybox", "sh", "-c", script]}
    machine = podman_machine.Machine(Portal(live.address, live.process), tmp_path / "node")
    with opened(live.url, live.key) as sdk:

        def status() -> str:
            return str(sdk.call("get_container_group", *HERE, name)["current_state"]["status"])

        asked = prototype(name, image, shown, autostart_policy=True, container=container)
        sdk.call("create_container_group", *HERE, body=asked)
        try:
            machine.start("--code", live.manage("create_enrolment", name))
            until(lambda: status() == "running")
            (instance,) = sdk.call("list_container_group_instances", *HERE, name)["instances"]
            machine.until_said(instance["id"], PRINTED.decode().strip())
            sdk.call("stop_container_group", *HERE, name)
            until(lambda: not sdk.call("list_container_group_instances", *HERE, name)["instances"])
            assert (status(), machine.containers()) == ("stopped", [])
            sdk.call("delete_container_group", *HERE, name)
        finally:
            machine.clear()


def test_each_failure_is_told(live: Live, opened: Any, docker_registry: DockerRegistry, tmp_path: Path) -> None:
    small = docker_registry.push("team/app", "1", write_layout(tmp_path / "small", build_image([b"small"])))
    big = docker_registry.push("team/big", "1", write_layout(tmp_path / "big", build_image([os.urandom(LARGEST + 1)])))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        nobody = f"127.0.0.1:{probe.getsockname()[1]}"
    right = {"basic": {"username": docker_registry.user, "password": docker_registry.password}}
    cases = {
        "authentication_failed": (small, {"basic": {"username": docker_registry.user, "password": SECRET}}),
        "image_not_found": (f"{docker_registry.host}/team/app:nowhere", right),
        "image_too_large": (big, right),
        "registry_unreachable": (f"{nobody}/team/app:1", right),
    }
    with opened(live.url, live.key) as sdk:
        told = each_fails(sdk, cases)
        with pytest.raises(ApiRefused) as early:
            sdk.call("start_container_group", *HERE, "image-too-large")
        assert early.value.status == 409
        forget(sdk, cases)
    assert SECRET not in told


def test_what_registries_and_stores_do_is_told(live: Live, opened: Any, tmp_path: Path) -> None:
    shown = {"basic": {"username": "deploy", "password": SECRET}}
    grants = {"deploy": {"team/arm", "team/old", "team/flipped", "team/busy", "team/app"}}
    other = Authority(tmp_path).issue("127.0.0.1")
    with (
        FakeRegistry(auth="bearer", users={"deploy": SECRET}, grants=grants) as registry,
        FakeRegistry(tls=other) as strange,
        opened(live.url, live.key) as sdk,
    ):
        for repository in ("team/secret", "team/busy", "team/flipped", "team/app"):
            registry.push_image(repository, "1", layers=[os.urandom(10_000)])
        registry.push_image("team/arm", "1", platform=["linux/arm64", "linux/riscv64"])
        registry.push_manifest(
            "team/old", "1", b'{"schemaVersion": 1}', "application/vnd.docker.distribution.manifest.v1+json"
        )
        registry.fault("/v2/team/flipped/blobs/", corrupt=True)
        registry.fault("/v2/team/busy/manifests/", status=429, headers={"Retry-After": "3600"})
        cases = {
            "access_denied": (f"{registry.host}/team/secret:1", shown),
            "platform_missing": (f"{registry.host}/team/arm:1", shown),
            "unsupported_manifest": (f"{registry.host}/team/old:1", shown),
            "digest_mismatch": (f"{registry.host}/team/flipped:1", shown),
            "rate_limited": (f"{registry.host}/team/busy:1", shown),
            "tls_invalid": (f"{strange.host}/team/app:1", shown),
        }
        with pytest.raises(ApiRefused) as inside:  # nothing is pulled where the reference tells already
            sdk.call("create_container_group", *HERE, body=prototype("inside", "10.1.2.3/team/app:1", shown))
        assert (inside.value.status, "may not connect" in inside.value.detail) == (400, True)
        told = each_fails(sdk, cases)
        forget(sdk, cases)
        with live.without_store():
            store_failed = {"store_failed": (f"{registry.host}/team/app:1", shown)}
            told += each_fails(sdk, store_failed)
            forget(sdk, store_failed)
    assert SECRET not in told


def each_fails(sdk: Any, cases: dict[str, tuple[str, dict[str, Any]]]) -> str:
    """Create a group for each code, and see that it fails with it; return all that was told."""
    for code, (image, shown) in cases.items():
        sdk.call("create_container_group", *HERE, body=prototype(code.replace("_", "-"), image, shown))
    everything = ""
    for code in cases:

        def state(name: str = code.replace("_", "-")) -> Any:
            state = sdk.call("get_container_group", *HERE, name)["current_state"]
            return state if state["status"] == "failed" else None

        told = until(state, 90)["description"]
        assert told.startswith(f"{code}: "), told
        everything += told
    return everything


def forget(sdk: Any, cases: dict[str, Any]) -> None:
    for code in cases:
        sdk.call("delete_container_group", *HERE, code.replace("_", "-"))


VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "acr": ("acme.azurecr.io/app:1", {"basic": {"username": "puller", "password": SECRET}}),
    "ghcr": ("ghcr.io/acme/app:1", {"basic": {"username": "octocat", "password": "ghp_" + SECRET}}),
    "quay": ("quay.io/acme/app:1", {"basic": {"username": "acme+puller", "password": SECRET}}),
    "self-hosted": ("registry.example.com:5000/app:1", {"basic": {"username": "puller", "password": SECRET}}),
    "docker-hub": ("acme/app:1", {"docker_hub": {"username": "acme", "personal_access_token": "dckr_pat_" + SECRET}}),
    "gcp-gar": ("europe-west1-docker.pkg.dev/p/r/app:1", {"gcp_gar": {"service_key": "ya29." + SECRET}}),
    "gcp-gcr": ("gcr.io/p/app:1", {"gcp_gcr": {"service_key": "ya29." + SECRET}}),
    "aws-ecr": (
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:1",
        {"aws_ecr": {"access_key_id": "AKIAABCDEFGHIJKLMNOP", "secret_access_key": "canary99absecret"}},
    ),
}


def test_each_way_to_sign_in_is_understood(opened: Any, tmp_path: Path) -> None:
    """On a portal without workers, since these registries lie outside."""
    with running(tmp_path / "portal") as portal:
        key = portal.api_key()
        with opened(f"{portal.url}/api/public", key) as sdk:
            for name, (image, shown) in VARIANTS.items():
                made = sdk.call("create_container_group", *HERE, body=prototype(name, image, shown))
                assert made["current_state"]["status"] == "pending", name
                assert SECRET not in str(made)
            wrong = {"basic": {"username": "octocat", "password": "github_pat_" + SECRET}}
            with pytest.raises(ApiRefused) as refused:
                sdk.call("create_container_group", *HERE, body=prototype("wrong", "ghcr.io/acme/app:1", wrong))
        kinds = portal.credentials()
        told = (tmp_path / "portal" / "web.log").read_text()

    assert (refused.value.status, SECRET in refused.value.detail) == (400, False)
    assert kinds == ["acr", "docker_hub", "ecr", "ghcr", "google", "google", "quay", "self_hosted"]
    assert SECRET not in told
