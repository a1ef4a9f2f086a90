"""The whole way of an image: from Debian's docker-registry, through the portal's forms and real workers, to stock
skopeo with a node's key, byte for byte, and to podman, which runs it."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwt
from joserfc.jwk import ECKey

from groups.agent import podman_form
from portal.env import CHECKOUT
from tests.conftest import PASSWORD
from tests.fakes.images import build_image
from tests.groups.delivery.made import private_pem, public_pem
from tests.interop.busybox import PRINTED, busybox_layers
from tests.interop.docker_registry import DockerRegistry, write_layout
from tests.interop.launching import launch, lines_until

pytestmark = pytest.mark.interop

MEMBER = "alice@acme.example"


class Browser:
    """What a member's browser does: cookies, forms with their CSRF token, no script."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, path: str) -> requests.Response:
        answer = self.session.get(self.address + path, timeout=20)
        answer.raise_for_status()
        return answer

    def post(self, path: str, page: str, **fields: Any) -> requests.Response:
        """Send the form that `page` shows to `path`; follow where it leads."""
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.get(page).text)
        assert token
        answer = self.session.post(
            self.address + path,
            data={"csrfmiddlewaretoken": token[1], **fields},
            headers={"Referer": self.address + page},
            timeout=20,
        )
        assert answer.ok, f"{path}: {answer.status_code} {re.findall(r'_error[^>]*>(.*?)<', answer.text, re.S)}"
        return answer


class Machine:
    """A node written by hand from the blueprint's contract: its key, signed polls."""

    def __init__(self, address: str, code: str) -> None:
        self.address = address
        self.key = ec.generate_private_key(ec.SECP256R1())
        joined = requests.post(
            f"{address}/node/v1/enrol",
            json={"code": code, "name": "machine", "public_key": public_pem(self.key)},
            timeout=20,
        )
        joined.raise_for_status()
        self.id = joined.json()["node_id"]

    def poll(self, *instances: dict[str, Any]) -> dict[str, Any]:
        claims: dict[str, Any] = {"iss": self.id, "sub": self.id, "aud": self.address, "jti": uuid.uuid4().hex}
        claims["exp"] = int(time.time()) + 50
        bearer = jwt.encode({"alg": "ES256"}, claims, ECKey.import_key(private_pem(self.key)))
        answer = requests.post(
            f"{self.address}/node/v1/poll",
            headers={"Authorization": f"Bearer {bearer}"},
            json={"capacity": {"cpu": 4, "memory_mb": 8192, "gpu": ""}, "instances": list(instances)},
            timeout=20,
        )
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told


def until(condition: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.2)
    return found


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

    def manage(*arguments: str) -> str:
        command = [str(CHECKOUT / ".venv/bin/python"), "manage.py", *arguments]
        done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip().splitlines()[-1]

    manage("create_organization", "acme", "--owner", MEMBER, "--password", PASSWORD)

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
    machine = Machine(address, manage("create_enrolment", "machine"))
    alice.post(f"{groups}app/start/", f"{groups}app/")
    given = until(lambda: machine.poll()["start"])[0]
    assert given["command"] == ["serve", "--port", "80"]
    assert given["environment"] == {"GREETING": "hello"}
    assert re.fullmatch(rf"localhost:{environment['PORT']}/acme/default/app@sha256:[0-9a-f]{{64}}", given["image"])

    # Stock skopeo pulls and decrypts.
    (tmp_path / "node.key").write_bytes(private_pem(machine.key))
    auth = base64.b64encode(f"{machine.id}:{given['token']}".encode()).decode()
    (tmp_path / "auth.json").write_text(json.dumps({"auths": {f"localhost:{environment['PORT']}": {"auth": auth}}}))

    def copy(into: str) -> subprocess.CompletedProcess[str]:
        command = ["skopeo", "--insecure-policy", "copy", "--src-tls-verify=false"]
        command += ["--src-authfile", str(tmp_path / "auth.json"), "--decryption-key", str(tmp_path / "node.key")]
        command += [f"docker://{given['image']}", f"dir:{tmp_path / into}"]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

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
