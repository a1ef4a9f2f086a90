"""The portal behind nginx, which has the configuration of `deploy/` with addresses and files of this machine."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from portal.config.env import CHECKOUT
from tests.interop.delivery_portal import Portal, running
from tests.support.nginx import nginx_process
from tests.support.processes import free_port, until

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


@contextmanager
def behind_nginx(
    home: Path, data: Path, *, change: Callable[[str], str] = lambda text: text, **settings: str
) -> Iterator[Site]:
    """Run a portal with these settings and its files in `data`, and nginx with its files in `home`. `change` returns
    what the configuration becomes."""
    port = free_port()
    with (
        running(data, f"https://127.0.0.1:{port}", **settings) as portal,
        nginx_process(home, change(example_configuration(home, port, portal))),
    ):
        site = Site(portal, home, port)
        until(lambda: answers(f"{site.url}/livez"), 30, (home / "log").read_text)
        yield site


def example_configuration(home: Path, port: int, portal: Portal) -> str:
    """Return the example with this machine's addresses and files. Fails where one to be replaced isn't in it."""
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
    return f"daemon off;\npid {home}/pid;\nerror_log {home}/error.log;\n{text}"


def answers(address: str) -> bool:
    """Whether the portal is well at this address, which has a certificate that nobody signed."""
    try:
        return requests.get(address, timeout=2, verify=False).ok
    except requests.RequestException:
        return False
