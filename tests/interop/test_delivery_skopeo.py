"""Stock skopeo fetches from a running portal and decrypts with the node's key."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import zstandard
from urllib3.exceptions import ProtocolError

from tests.fakes.images import make_layer
from tests.groups.delivery.made import ec_key, private_pem, public_pem, rsa_key
from tests.interop.delivery_portal import Portal, running

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    with running(tmp_path_factory.mktemp("portal")) as portal:
        yield portal


class Machine:
    """A node by hand: its key in a file, and skopeo."""

    def __init__(self, portal: Portal, name: str, key: Any, folder: Path) -> None:
        self.portal, self.folder = portal, folder
        folder.mkdir()
        self.key_file = folder / "node.key"
        self.key_file.write_bytes(private_pem(key))
        self.id = portal.node(name=name, public_key=public_pem(key))

    def copy(self, given: dict[str, Any], into: str, key_file: Path | None = None) -> subprocess.CompletedProcess[str]:
        auth_file = self.folder / "auth.json"
        secret = base64.b64encode(f"{self.id}:{given['token']}".encode()).decode()
        auth_file.write_text(json.dumps({"auths": {self.portal.host: {"auth": secret}}}))
        assert shutil.which("skopeo"), "these tests need skopeo"
        command = ["skopeo", "--insecure-policy", "copy", "--src-tls-verify=false", "--src-authfile", str(auth_file)]
        command += ["--decryption-key", str(key_file or self.key_file)]
        command += [f"docker://{given['image']}", f"dir:{self.folder / into}"]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    def blobs(self, into: str) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.folder / into).iterdir()}


def holds(blobs: dict[str, bytes], image: list[str]) -> bool:
    """Whether config and layers lie there in clear, byte for byte."""
    wanted = [base64.b64decode(each) for each in image]
    return all(blobs.get(hashlib.sha256(raw).hexdigest()) == raw for raw in wanted)


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_skopeo_fetches_and_decrypts(portal: Portal, tmp_path: Path, kind: str) -> None:
    image = portal.group(name=f"way-{kind}", sizes=[20_000_000, 3_000_000, 10])
    machine = Machine(portal, kind, ec_key() if kind == "ec" else rsa_key(), tmp_path / "node")
    given = portal.given(node=machine.id)
    done = machine.copy(given, "image")
    assert done.returncode == 0, done.stderr
    assert holds(machine.blobs("image"), image)
    manifest = json.loads(machine.blobs("image")["manifest.json"])
    assert [layer["mediaType"] for layer in manifest["layers"]] == ["application/vnd.oci.image.layer.v1.tar+gzip"] * 3
    assert portal.ledger(group=f"way-{kind}") == [["opened", ""]]
    assert sorted(whole for whole, _ in portal.sent(group=f"way-{kind}")) == [1, 1, 1]

    # Within the minute the token still opens the same session, which has no layer left to give; then not even that.
    again = machine.copy(given, "again")
    assert again.returncode != 0
    assert not holds(machine.blobs("again"), image) if (machine.folder / "again").exists() else True
    refused = portal.ledger(group=f"way-{kind}")[2:]
    assert refused
    assert {tuple(row) for row in refused} == {("refused", "layer_again")}
    assert sorted(whole for whole, _ in portal.sent(group=f"way-{kind}")) == [1, 1, 1]


def test_skopeo_opens_what_was_compressed_here(portal: Portal, tmp_path: Path) -> None:
    contents = [b"again and again " * size for size in (9, 200_000)]
    tars = [gzip.decompress(make_layer({f"file-{number}": each})) for number, each in enumerate(contents)]
    kept = portal.pulled_group(name="squeezed", plain=[base64.b64encode(tar).decode() for tar in tars])
    assert kept == "application/vnd.oci.image.layer.v1.tar+zstd"
    machine = Machine(portal, "squeezed", ec_key(), tmp_path / "node")

    done = machine.copy(portal.given(node=machine.id), "image")

    assert done.returncode == 0, done.stderr
    blobs = machine.blobs("image")
    manifest = json.loads(blobs["manifest.json"])
    assert [layer["mediaType"] for layer in manifest["layers"]] == ["application/vnd.oci.image.layer.v1.tar+zstd"] * 2
    layers = [blobs[layer["digest"].removeprefix("sha256:")] for layer in manifest["layers"]]
    assert [len(layer) for layer in layers] == [layer["size"] for layer in manifest["layers"]]
    opened = [zstandard.ZstdDecompressor().decompressobj().decompress(layer) for layer in layers]
    assert opened == tars
    config = json.loads(blobs[manifest["config"]["digest"].removeprefix("sha256:")])
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(tar).hexdigest()}" for tar in opened]


def test_a_session_that_was_delivered_is_not_opened_again(portal: Portal, tmp_path: Path) -> None:
    portal.group(name="over", sizes=[1000])
    machine = Machine(portal, "over", ec_key(), tmp_path / "node")
    given = portal.given(node=machine.id)
    assert machine.copy(given, "image").returncode == 0
    portal.revoke(group="over")
    assert machine.copy(given, "again").returncode != 0
    assert portal.ledger(group="over") == [["opened", ""], ["refused", "replayed"]]


def test_another_node_gets_nothing_and_spoils_nothing(portal: Portal, tmp_path: Path) -> None:
    image = portal.group(name="theirs", sizes=[1_000_000])
    machine = Machine(portal, "owner", ec_key(), tmp_path / "owner")
    thief = Machine(portal, "thief", ec_key(), tmp_path / "thief")
    given = portal.given(node=machine.id)
    assert thief.copy(given, "image").returncode != 0
    assert portal.ledger(group="theirs") == [["refused", "other_node"]]
    assert machine.copy(given, "image").returncode == 0
    assert holds(machine.blobs("image"), image)


def test_the_wrong_key_opens_nothing(portal: Portal, tmp_path: Path) -> None:
    image = portal.group(name="locked", sizes=[1_000_000])
    machine = Machine(portal, "locked", ec_key(), tmp_path / "node")
    wrong = tmp_path / "wrong.key"
    wrong.write_bytes(private_pem(ec_key()))
    done = machine.copy(portal.given(node=machine.id), "image", key_file=wrong)
    assert done.returncode != 0
    assert not holds(machine.blobs("image"), image)


def test_tampered_ciphertext_is_refused(portal: Portal, tmp_path: Path) -> None:
    image = portal.group(name="tampered", sizes=[1_000_000, 10])
    portal.tamper(group="tampered")
    machine = Machine(portal, "tampered", ec_key(), tmp_path / "node")
    done = machine.copy(portal.given(node=machine.id), "image")
    assert done.returncode != 0
    assert not holds(machine.blobs("image"), image)


def test_revoking_in_mid_download_ends_it(portal: Portal, tmp_path: Path) -> None:
    portal.group(name="revoked", sizes=[40_000_000])
    machine = Machine(portal, "revoked", ec_key(), tmp_path / "node")
    given = portal.given(node=machine.id)
    bearer = requests.get(f"{portal.url}/v2/token", auth=(machine.id, given["token"]), timeout=10).json()["token"]
    name, _, digest = given["image"].removeprefix(portal.host + "/").partition("@")
    headers = {"Authorization": f"Bearer {bearer}"}
    manifest = requests.get(f"{portal.url}/v2/{name}/manifests/{digest}", headers=headers, timeout=10).json()
    blob = f"{portal.url}/v2/{name}/blobs/{manifest['layers'][0]['digest']}"
    with requests.get(blob, headers=headers, stream=True, timeout=10) as response:
        response.raw.read(64 * 1024)
        portal.revoke(group="revoked")
        # The server looks at least once a second, while it sends; what it sent before lies in the sockets' buffers.
        time.sleep(1.2)
        with pytest.raises(ProtocolError):
            response.raw.read()
    assert requests.get(blob, headers=headers, timeout=10).status_code == 401


def test_a_cut_transfer_is_resumed(portal: Portal, tmp_path: Path) -> None:
    portal.group(name="resumed", sizes=[30_000_000])
    machine = Machine(portal, "resumed", ec_key(), tmp_path / "node")
    given = portal.given(node=machine.id)
    bearer = requests.get(f"{portal.url}/v2/token", auth=(machine.id, given["token"]), timeout=10).json()["token"]
    name, _, digest = given["image"].removeprefix(portal.host + "/").partition("@")
    headers = {"Authorization": f"Bearer {bearer}"}
    layer = requests.get(f"{portal.url}/v2/{name}/manifests/{digest}", headers=headers, timeout=10).json()["layers"][0]
    blob = f"{portal.url}/v2/{name}/blobs/{layer['digest']}"
    with requests.get(blob, headers=headers, stream=True, timeout=10) as response:
        got = next(response.iter_content(2_000_000))
    rest = requests.get(blob, headers=headers | {"Range": f"bytes={len(got)}-"}, timeout=30)
    assert rest.status_code == 206
    assert f"sha256:{hashlib.sha256(got + rest.content).hexdigest()}" == layer["digest"]
    assert portal.until(lambda: requests.get(blob, headers=headers, timeout=10).status_code == 403)
