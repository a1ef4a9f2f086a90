"""Failures of images and credentials of registries, through SaladCloud's official SDKs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.interop.delivery_portal import running
from tests.interop.docker_registry import DockerRegistry, write_layout
from tests.interop.sdks import ApiRefused
from tests.interop.sdks.conftest import HERE, MAX_IMAGE_BYTES, Live, prototype
from tests.support.fakes.certificates import Authority
from tests.support.fakes.images import build_image
from tests.support.fakes.registry import FakeRegistry
from tests.support.processes import free_port, until

pytestmark = pytest.mark.interop

SECRET = "canary-99ab-secret"  # pragma: allowlist secret


def test_each_failure_is_reported(live: Live, opened: Any, docker_registry: DockerRegistry, tmp_path: Path) -> None:
    small = docker_registry.push("team/app", "1", write_layout(tmp_path / "small", build_image([b"small"])))
    big = docker_registry.push(
        "team/big", "1", write_layout(tmp_path / "big", build_image([os.urandom(MAX_IMAGE_BYTES + 1)]))
    )
    nobody = f"127.0.0.1:{free_port()}"
    right = {"basic": {"username": docker_registry.user, "password": docker_registry.password}}
    cases = {
        "authentication_failed": (small, {"basic": {"username": docker_registry.user, "password": SECRET}}),
        "image_not_found": (f"{docker_registry.host}/team/app:nowhere", right),
        "image_too_large": (big, right),
        "registry_unreachable": (f"{nobody}/team/app:1", right),
    }
    with opened(live.url, live.key) as sdk:
        output = each_fails(sdk, cases)
        with pytest.raises(ApiRefused) as early:
            sdk.call("start_container_group", *HERE, "image-too-large")
        assert early.value.status == 409
        forget(sdk, cases)
    assert SECRET not in output


def test_failures_of_registries_and_stores_are_reported(live: Live, opened: Any, tmp_path: Path) -> None:
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
        with pytest.raises(ApiRefused) as inside:  # the reference alone is refused, and nothing is pulled
            sdk.call("create_container_group", *HERE, body=prototype("inside", "10.1.2.3/team/app:1", shown))
        assert (inside.value.status, "may not connect" in inside.value.detail) == (400, True)
        output = each_fails(sdk, cases)
        forget(sdk, cases)
        with live.without_store():
            store_failed = {"store_failed": (f"{registry.host}/team/app:1", shown)}
            output += each_fails(sdk, store_failed)
            forget(sdk, store_failed)
    assert SECRET not in output


def each_fails(sdk: Any, cases: dict[str, tuple[str, dict[str, Any]]]) -> str:
    """Create a group for each code, and see that it fails with it; return all descriptions."""
    for code, (image, shown) in cases.items():
        sdk.call("create_container_group", *HERE, body=prototype(code.replace("_", "-"), image, shown))
    everything = ""
    for code in cases:

        def state(name: str = code.replace("_", "-")) -> Any:
            state = sdk.call("get_container_group", *HERE, name)["current_state"]
            return state if state["status"] == "failed" else None

        output = until(state, 90)["description"]
        assert output.startswith(f"{code}: "), output
        everything += output
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
        output = (tmp_path / "portal" / "web.log").read_text()

    assert (refused.value.status, SECRET in refused.value.detail) == (400, False)
    assert kinds == ["acr", "docker_hub", "ecr", "ghcr", "google", "google", "quay", "self_hosted"]
    assert SECRET not in output
