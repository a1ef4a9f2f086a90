"""The whole way of an image: from Debian's docker-registry, through the portal's forms and real workers, to stock
skopeo with a node's key, byte for byte, and to podman, which runs it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from groups.agent import podman_form
from tests.conftest import PASSWORD
from tests.interop.busybox import PRINTED, busybox_layers
from tests.interop.docker_registry import DockerRegistry, write_layout
from tests.interop.launching import launch, lines_until, manage
from tests.interop.member_browser import Browser
from tests.interop.polling_node import PollingNode
from tests.interop.skopeo_node import skopeo_copy
from tests.support.delivery_setup import private_pem
from tests.support.fakes.images import build_image
from tests.support.processes import until

pytestmark = pytest.mark.interop

MEMBER = "alice@acme.example"


def run_with_podman(image: Path, folder: Path) -> bytes:
    """What the image's /srv/hello.txt says in a container. Raises CannotRun with the reason where there is none."""
    folder.mkdir()
    podman = podman_form.find(folder, "none").command(folder)
    environment = podman_form.environment(folder)
    (folder / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')

    def call(*arguments: str) -> bytes:
        return subprocess.run([*podman, *arguments], env=environment, check=True, stdout=subprocess.PIPE).stdout

    try:
        loaded = call("pull", "--quiet", "--signature-policy", str(folder / "policy.json"), f"dir:{image}")
        options = podman_form.find(folder, "none").container()
        return call("run", "--rm", *options, loaded.decode().strip(), "/bin/busybox", "cat", "/srv/hello.txt")
    finally:
        call("rm", "--all", "--force", "--time", "0")
        shutil.rmtree(podman_form.run_root(folder), ignore_errors=True)


def test_from_a_private_registry_to_a_node(
    docker_registry: DockerRegistry,
    environment: dict[str, str],
    started: list[subprocess.Popen[str]],
    tmp_path: Path,
) -> None:
    image = build_image([os.urandom(12_000_000), *busybox_layers()])
    reference = docker_registry.push("team/app", "1.0", write_layout(tmp_path / "layout", image))

    environment["PORTAL_REGISTRY_ALLOW_NETWORKS"] = "127.0.0.0/8"
    started.append(launch("up", environment))
    lines_until(started[0], "Ctrl-C")
    address = f"http://localhost:{environment['PORT']}"

    manage(environment, "create_organization", "acme", "--owner", MEMBER, "--password", PASSWORD)

    # A member signs in, adds a credential, creates a group and watches it.
    alice = Browser(address)
    alice.post("/accounts/login/", "/accounts/login/", login=MEMBER, password=PASSWORD)
    new = "/o/acme/registries/new/"
    added = alice.post(
        f"{new}?kind=self_hosted",
        f"{new}?kind=self_hosted",
        kind="self_hosted",
        name="our registry",
        host=docker_registry.host,
        username=docker_registry.user,
        password=docker_registry.password,
        hold="pull",
    )
    credential = re.search(r"[0-9a-f]{8}-[0-9a-f-]{27}", added.url + added.text)
    assert credential
    groups = "/o/acme/default/groups/"
    alice.post(
        f"{groups}new/",
        f"{groups}new/",
        name="app",
        image=reference,
        credential=credential[0],
        replicas="1",
        cpu="1",
        memory_mb="1024",
        command="serve --port 80",
        environment="GREETING=hello",
        restart_policy="always",
    )

    def page() -> str:
        return alice.get(f"{groups}app/").text

    until(lambda: "state-stopped" in page())
    assert image.digest in page()
    assert docker_registry.password not in page()

    # A node joins, the group starts, the node is handed digest and token.
    machine = PollingNode(address, manage(environment, "create_enrolment", "machine"))
    alice.post(f"{groups}app/start/", f"{groups}app/")
    given = until(lambda: machine.poll()["start"])[0]
    assert given["command"] == ["serve", "--port", "80"]
    assert given["environment"] == {"GREETING": "hello"}
    host = f"localhost:{environment['PORTAL_LAYERS_PORT']}"
    assert re.fullmatch(rf"{host}/acme/default/app@sha256:[0-9a-f]{{64}}", given["image"])

    # Stock skopeo pulls and decrypts.
    (tmp_path / "node.key").write_bytes(private_pem(machine.key))

    def copy(into: str) -> subprocess.CompletedProcess[str]:
        options = ("--decryption-key", str(tmp_path / "node.key"))
        return skopeo_copy(given, machine.id, f"dir:{tmp_path / into}", tmp_path / "auth.json", *options)

    done = copy("pulled")
    assert done.returncode == 0, done.stderr
    for digest, content in image.blobs.items():
        assert (tmp_path / "pulled" / digest.removeprefix("sha256:")).read_bytes() == content

    assert run_with_podman(tmp_path / "pulled", tmp_path / "podman") == PRINTED

    # A second pull with the used token gets no layer, and the page says so.
    again = copy("again")
    assert again.returncode != 0
    assert "efused" in page()

    machine.poll({"id": given["instance"], "state": "running", "progress": 100, "message": ""})
    until(lambda: "state-running" in page())
    alice.post(f"{groups}app/stop/", f"{groups}app/")
    assert given["instance"] in machine.poll({"id": given["instance"], "state": "running"})["stop"]
    machine.poll()
    alice.post(f"{groups}app/delete/", f"{groups}app/", name="app")
    assert alice.session.get(f"{address}{groups}app/").status_code == 404
