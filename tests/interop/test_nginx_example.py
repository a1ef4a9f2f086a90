"""The nginx configuration of `deploy/`, as it is but for addresses and files, in front of the real processes."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import urllib3

from portal.config.redaction import SECRET_PATHS
from tests.interop.nginx_site import Site, behind_nginx
from tests.interop.skopeo_node import SkopeoNode
from tests.support.delivery_setup import ec_key
from tests.support.processes import until

pytestmark = [
    pytest.mark.interop,
    pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home, data = tmp_path_factory.mktemp("nginx"), tmp_path_factory.mktemp("portal")
    with behind_nginx(home, data, PORTAL_TRUSTED_PROXIES="127.0.0.1") as site:
        yield site


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

    for path in SECRET_PATHS:
        requests.get(f"{site.url}/{path}1-a-secret/", timeout=20, verify=False)
    log = site.folder / "access.log"
    until(lambda: all(f'"GET /{path}-"' in log.read_text() for path in SECRET_PATHS))  # it logs after it has answered
    assert '"GET /accounts/login/" 200' in log.read_text()
    assert "a-secret" not in log.read_text()


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
