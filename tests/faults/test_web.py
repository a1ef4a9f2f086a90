"""The web process is killed while nodes redeem their tokens and fetch layers."""

from __future__ import annotations

import base64
import hashlib
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import requests
from urllib3.exceptions import HTTPError

from tests.interop.delivery_portal import Portal, running
from tests.support.delivery_setup import ec_key, public_pem

SIZE = 30_000_000


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Portal]:
    with running(tmp_path / "portal") as portal:
        yield portal


def redeem(portal: Portal, node: str, token: str) -> requests.Response:
    return requests.get(f"{portal.url}/v2/token", auth=(node, token), timeout=20)


def test_a_token_stays_used_when_the_web_process_is_killed(portal: Portal) -> None:
    content = portal.group(name="app", sizes=[SIZE])
    node, other = (portal.node(name=name, public_key=public_pem(ec_key())) for name in ("one", "two"))
    given = portal.given(node=node)
    bearer = redeem(portal, node, given["token"]).json()["token"]
    headers = {"Authorization": f"Bearer {bearer}"}
    name, _, digest = given["image"].partition("/")[2].partition("@")
    manifest = requests.get(f"{portal.url}/v2/{name}/manifests/{digest}", headers=headers, timeout=20).json()
    (layer,) = manifest["layers"]
    address = f"{portal.url}/v2/{name}/blobs/{layer['digest']}"

    # In mid-layer, and while another node presents the token over and over.
    received = bytearray()
    seen: list[int] = []
    stop = threading.Event()

    def present() -> None:
        while not stop.is_set():
            try:
                seen.append(redeem(portal, other, given["token"]).status_code)
            except requests.RequestException:
                stop.wait(0.05)

    presenting = threading.Thread(target=present)
    presenting.start()
    with requests.get(address, headers=headers, stream=True, timeout=20) as response:
        received += response.raw.read(1_000_000)
        portal.kill_servers(signal.SIGKILL)
        with suppress(OSError, HTTPError):
            while piece := response.raw.read(65536):
                received += piece
    portal.start_servers()
    stop.set()
    presenting.join()

    assert len(received) < layer["size"]
    assert set(seen) == {401}
    again = redeem(portal, node, given["token"])
    assert (again.status_code, again.json()["token"]) == (200, bearer), "the same session, and no second one"
    outcomes = [outcome for outcome, _ in portal.ledger(group="app")]
    assert (outcomes.count("opened"), outcomes.count("repeated")) == (1, 1)
    rest = requests.get(address, headers=headers | {"Range": f"bytes={len(received)}-"}, timeout=60)
    whole = bytes(received) + rest.content
    assert (rest.status_code, f"sha256:{hashlib.sha256(whole).hexdigest()}") == (206, layer["digest"])
    assert whole != base64.b64decode(content[1]), "what was sent is encrypted"
