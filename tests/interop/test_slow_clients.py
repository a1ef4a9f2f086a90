"""Slow clients by the hundred, at the processes as they are deployed: everybody else is served within a second."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from portal.config.env import CHECKOUT
from tests.benchmarks import load
from tests.interop.delivery_portal import Portal
from tests.interop.skopeo_node import SkopeoNode
from tests.support.delivery_setup import ec_key
from tests.support.processes import bare_environment, free_port, until, until_answers
from tests.support.slow_clients import BODY, CHUNKED, HEAD, IDLE, SlowClients

pytestmark = pytest.mark.interop
SECOND = 1.0
TRIES = 5


@dataclass
class Others:
    """Who is to be served in the meantime: people, probes, a node that polls and one that fetches a layer."""

    portal: Portal
    slow: tuple[str, dict[str, str]]
    fast: tuple[str, dict[str, str]]
    poller: tuple[str, object]

    def are_served(self) -> None:
        """Fail if one of them waits for more than a second, time after time. Once says more about a busy machine."""
        for left in reversed(range(TRIES)):
            try:
                self._are_served_now()
                return
            except (requests.Timeout, requests.ConnectionError, OSError):
                if not left:
                    raise

    def _are_served_now(self) -> None:
        for path in ("/livez", "/readyz", "/accounts/login/"):
            assert requests.get(self.portal.own_url + path, timeout=SECOND).status_code == 200, path
        assert requests.get(f"{self.portal.own_layers_url}/livez", timeout=SECOND).status_code == 200
        host = urlsplit(self.portal.url).netloc
        assert ask(host, load.poll(host, self.poller[0], self.poller[1])).startswith(b"HTTP/1.1 200")  # type: ignore[arg-type]
        address, headers = self.fast
        part = requests.get(address, headers=headers | {"Range": "bytes=1-100000"}, timeout=SECOND)
        assert (part.status_code, len(part.content)) == (206, 100_000)

    def port(self, process: str) -> int:
        return int(urlsplit(getattr(self.portal, f"own_{process}_url" if process == "layers" else "own_url")).port or 0)


def is_served(others: Others) -> bool:
    try:
        return requests.get(f"{others.portal.own_url}/livez", timeout=SECOND).ok
    except requests.RequestException:
        return False


def memory_of(others: Others) -> int:
    """Resident bytes of the web process."""
    return int(Path(f"/proc/{others.portal.pids['web']}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def ask(host: str, request: bytes) -> bytes:
    name, _, port = host.partition(":")
    with socket.create_connection((name, int(port)), timeout=SECOND) as connection:
        connection.settimeout(SECOND)
        connection.sendall(request)
        return connection.recv(1000)


@pytest.fixture(scope="module")
def others(portal: Portal, tmp_path_factory: pytest.TempPathFactory) -> Others:
    folder = tmp_path_factory.mktemp("nodes")
    portal.group(name="way", sizes=[30_000_000], replicas=2)
    sessions = []
    for name in ("slow", "fast"):
        machine = SkopeoNode(portal, name, ec_key(), folder / name)
        address, headers, _ = machine.session(portal.given(node=machine.id, cpu=1))
        sessions.append((address, headers))
    key = ec_key()
    poller = SkopeoNode(portal, "poller", key, folder / "poller").id
    made = Others(portal, sessions[0], sessions[1], (poller, key))
    until(lambda: requests.get(f"{portal.own_url}/accounts/login/", timeout=10).ok)
    made.are_served()
    return made


@pytest.mark.parametrize("count", [40, 400])
@pytest.mark.parametrize(
    ("start", "drip"),
    [
        (HEAD, b""),
        (HEAD, b"x"),
        (BODY % b"/accounts/login/", b""),
        (BODY % b"/node/v1/enrol", b"x"),
        (BODY % b"/api/public/organizations/acme/projects/default/containers", b"x"),
        (CHUNKED, b"x"),
        (IDLE, b""),
        (b"", b""),
    ],
    ids=["half heads", "dripped heads", "no bodies", "dripped bodies", "API bodies", "chunks", "idlers", "silent"],
)
def test_everybody_is_served_beside_slow_clients(others: Others, start: bytes, drip: bytes, count: int) -> None:
    web = SlowClients(others.port("web"), count, start, drip=drip)
    layers = SlowClients(others.port("layers"), count, start, drip=drip)
    with web, layers:
        for _ in range(2):
            others.are_served()
            time.sleep(0.3)


@pytest.mark.parametrize("count", [40, 400])
def test_a_node_that_reads_slowly_keeps_nobody_out(others: Others, count: int) -> None:
    """While six transfers of its session are in progress, it has to wait. What it was not sent, it can fetch later."""
    address, headers = others.slow
    path = urlsplit(address).path
    start = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nRange: bytes=1-100000\r\n".encode()
    start += f"Authorization: {headers['Authorization']}\r\n\r\n".encode()
    whole = start.replace(b"1-100000", b"1-14000000")
    for process in ("layers", "web"):
        with SlowClients(others.port(process), count, whole) as slow:
            until(slow.answers, 20)
            others.are_served()
            assert 1 <= slow.answers().count(206) <= 6
            assert set(slow.answers()) <= {206, 403, 429}
            others.are_served()
        until(lambda: others.portal.sent(group="way")[0][1] < 30_000_000, 20)


@pytest.mark.parametrize("count", [40, 400])
def test_slow_readers_of_pages_keep_nobody_out(others: Others, count: int) -> None:
    page = requests.get(f"{others.portal.own_url}/accounts/login/", timeout=10).text
    sheet = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    with SlowClients(others.port("web"), count, f"GET {sheet} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()):
        others.are_served()
        time.sleep(0.3)
        others.are_served()


def test_slow_clients_are_told_and_closed(others: Others) -> None:
    """A head and a body have ten seconds, an unused connection fifteen."""
    before, port = memory_of(others), others.port("web")
    kinds = [SlowClients(port, 100, start) for start in (HEAD, BODY % b"/", IDLE)]
    with kinds[0], kinds[1], kinds[2], SlowClients(port, 100, HEAD, drip=b"x") as dripping:
        assert [kind.open() for kind in (*kinds, dripping)] == [100] * 4
        until(lambda: not sum(kind.open() for kind in (*kinds, dripping)), 25)
        assert [set(kind.answers()) for kind in kinds] == [{408}, {408}, {200}]
    others.are_served()
    assert memory_of(others) - before < 50_000_000


def test_more_connections_than_there_may_be(others: Others) -> None:
    """Those that have waited longest make room."""
    with SlowClients(others.port("web"), 1500, HEAD), SlowClients(others.port("web"), 1500, b""):
        until(lambda: is_served(others), 10)
        others.are_served()
    others.are_served()


@pytest.mark.parametrize("path", ["/accounts/login/", "/o/acme/registries/new/", "/node/v1/poll", "/v2/", "/nothing"])
def test_a_body_of_400_MB_is_refused_after_its_head(others: Others, path: str) -> None:
    boundary = b"--x\r\nContent-Disposition: form-data; name=f; filename=f\r\n\r\n"
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    with socket.create_connection(("127.0.0.1", others.port("web")), timeout=5) as connection:
        connection.sendall(f"{head}Content-Length: 400000000\r\n\r\n".encode() + boundary)
        sent = 0
        try:
            while sent < 400_000_000:
                sent += connection.send(bytes(65536))
        except OSError:
            pass
        assert sent < 20_000_000, "the kernel's buffers hold some"
    files = Path(f"/proc/{others.portal.pids['web']}/fd").iterdir()
    assert not [file for file in files if int(file.name) > 2 and "/tmp/#" in os.readlink(file)]


def test_large_bodies_have_a_limit_together(others: Others) -> None:
    """Members can send 2 MB; a hundred of those that are incomplete don't fit."""
    start = b"POST /o/acme/registries/new/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\n"
    with SlowClients(others.port("web"), 100, start) as slow:
        slow.send(bytes(1_900_000))
        until(lambda: slow.answers().count(503) >= 50, 10)
        others.are_served()


def test_a_process_ends_in_time_beside_slow_clients(tmp_path: Path) -> None:
    port = free_port()
    environment = bare_environment() | {"PORTAL_DATA_DIR": str(tmp_path / "var"), "PORTAL_ZONE": "web"}
    command = [sys.executable, "manage.py", "serve", "layers", "--port", str(port)]
    for _ in range(2):  # the same port at once
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=log, stderr=log)
        until_answers(f"http://127.0.0.1:{port}/livez", process, tmp_path / "log")
        with SlowClients(port, 50, HEAD), SlowClients(port, 50, BODY % b"/v2/", drip=b"x"), SlowClients(port, 50, IDLE):
            process.terminate()
            assert process.wait(timeout=10) == 0
