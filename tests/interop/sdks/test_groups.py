"""SaladCloud's official SDKs drive a live portal: real workers, Debian's docker-registry, a node that polls."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.interop.busybox import PRINTED, busybox_layers
from tests.interop.delivery_portal import Portal
from tests.interop.docker_registry import DockerRegistry, write_layout
from tests.interop.podman_machine import PodmanMachine
from tests.interop.polling_node import PollingNode
from tests.interop.sdks import ApiRefused
from tests.interop.sdks.conftest import HERE, Live, prototype
from tests.support.fakes.images import build_image
from tests.support.processes import until

pytestmark = pytest.mark.interop


def test_a_group_goes_the_whole_way(
    live: Live, opened: Any, docker_registry: DockerRegistry, tmp_path: Path, request: pytest.FixtureRequest
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
        assert [group["name"] for group in sdk.call("list_container_groups", *HERE)["items"] if group["name"] == name]

        machine = PollingNode(live.address, live.manage("create_enrolment", name))
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
        assert given["image"] not in [instance["image"] for instance in again]

        used = sdk.call("get_quotas", "acme")["container_groups_quotas"]["container_replicas_used"]
        assert used >= 2
        sdk.call("reallocate_container_group_instance", *HERE, name, again[0]["instance"])
        sdk.call("stop_container_group", *HERE, name)
        assert status() == "stopped"
        sdk.call("delete_container_group", *HERE, name)
        with pytest.raises(ApiRefused) as gone:
            group()
        assert (gone.value.status, "Nothing has this name" in gone.value.detail) == (404, True)


def test_the_reference_node_runs_what_an_sdk_made(
    live: Live, opened: Any, docker_registry: DockerRegistry, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    assert shutil.which("podman"), "this test needs podman"
    name = f"runs-{request.node.callspec.params['opened']}"
    image = docker_registry.push(name, "1", write_layout(tmp_path / "layout", build_image(busybox_layers())))
    shown = {"basic": {"username": docker_registry.user, "password": docker_registry.password}}
    script = 'cat /srv/hello.txt; trap "exit 0" TERM; while :; do sleep 0.1; done'
    container = {"command": ["/bin/busybox", "sh", "-c", script]}
    machine = PodmanMachine(Portal(live.address, live.process), tmp_path / "node")
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
