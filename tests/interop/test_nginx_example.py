"""The nginx configuration of `deploy/`, as it is but for addresses and files, in front of the real processes."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
import urllib3

from portal.config.env import CHECKOUT
from tests.interop.delivery_portal import Portal, running
from tests.interop.skopeo_node import SkopeoNode
from tests.support.delivery_setup import ec_key
from tests.support.processes import free_port, until

pytestmark = [
    pytest.mark.interop,
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
]
EXAMPLE = CHECKOUT / "deploy" / "nginx.conf"


@dataclass
class Site:
    """The portal behind nginx; `folder` has nginx's files."""

    portal: Portal
    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home, data, port = tmp_path_factory.mktemp("nginx"), tmp_path_factory.mktemp("portal"), free_port()
    with running(data, f"https://127.0.0.1:{port}", PORTAL_TRUSTED_PROXIES="127.0.0.1") as portal:
        config = configured(home, port, portal)
        program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        assert program, "this needs nginx"
        with (home / "log").open("wb") as log:
            nginx = subprocess.Popen([program, "-p", str(home), "-c", str(config)], stdout=log, stderr=log)
        try:
            made = Site(portal, home, port)
            until(lambda: answers(f"{made.url}/livez"), 30, (home / "log").read_text)
            yield made
        finally:
            nginx.terminate()
            nginx.wait(timeout=20)


def configured(home: Path, port: int, portal: Portal) -> Path:
    """The example with this machine's addresses and files; whatever is to be replaced has to be in it."""
    key, certificate = home / "key.pem", home / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    text = EXAMPLE.read_text()
    for old, new in (
        ("127.0.0.1:8000", portal.own_url.removeprefix("http://")),
        ("127.0.0.1:8001", portal.own_layers_url.removeprefix("http://")),
        ("listen 80;", f"listen 127.0.0.1:{free_port()};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("/etc/nginx/portal.example.crt", str(certificate)),
        ("/etc/nginx/portal.example.key", str(key)),
        ("/var/log/nginx/drayage.log", str(home / "access.log")),
    ):
        assert old in text, old
        text = text.replace(old, new)
    temporary = "".join(
        f"    {kind}_temp_path {home}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    text = text.replace("http {\n", "http {\n" + temporary, 1)
    first = f"daemon off;\npid {home}/pid;\nerror_log {home}/error.log;\n"
    (home / "nginx.conf").write_text(first + ("user root;\n" if os.geteuid() == 0 else "") + text)
    return home / "nginx.conf"


def answers(address: str) -> bool:
    try:
        return requests.get(address, timeout=2, verify=False).ok
    except requests.RequestException:
        return False


def test_people_and_nodes_are_served(site: Site, tmp_path: Path) -> None:
    urllib3.disable_warnings()
    page = requests.get(f"{site.url}/accounts/login/?next=/a-secret-in-a-query/", timeout=20, verify=False)
    assert page.status_code == 200
    assert "Secure" in page.headers["Set-Cookie"]

    image = site.portal.group(name="way", sizes=[3_000_000, 1000])
    machine = SkopeoNode(site.portal, "way", ec_key(), tmp_path / "node")
    given = site.portal.given(node=machine.id)
    assert given["image"].startswith(f"127.0.0.1:{site.port}/")
    done = machine.copy(given, "image")
    assert done.returncode == 0, done.stderr
    assert machine.holds("image", image)

    for path in ("/invitations/a-secret/", "/accounts/password/reset/key/1-a-secret/"):
        requests.get(site.url + path, timeout=20, verify=False)
    log = (site.folder / "access.log").read_text()
    assert '"GET /accounts/login/" 200' in log
    assert '"GET /invitations/-"' in log
    assert "a-secret" not in log


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/accounts/login/", 16),
        ("/o/acme/registries/new/", 2048),
        ("/api/v1/x", 1024),
        ("/node/v1/poll", 1024),
        ("/v2/", 4),
    ],
)
def test_nginx_has_the_limits_of_the_portal(site: Site, path: str, limit: int) -> None:
    for size, refused in ((limit * 1024, False), (limit * 1024 + 1, True)):
        answer = requests.post(site.url + path, data=bytes(size), timeout=20, verify=False)
        assert (answer.status_code == 413) is refused, size


def test_layers_come_from_the_layers_process_alone(site: Site) -> None:
    assert requests.get(f"{site.url}/v2/", timeout=20, verify=False).status_code == 401
    assert '"GET /v2/" 401' in (site.folder / "access.log").read_text()
    assert "Unauthorized: /v2/" in (site.portal.folder / "layers.log").read_text()
    assert "Unauthorized: /v2/" not in (site.portal.folder / "web.log").read_text()


def test_half_a_head_is_closed(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as connection:
        began = time.monotonic()
        assert connection.recv(10) == b""
        assert time.monotonic() - began < 19
