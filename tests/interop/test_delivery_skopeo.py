"""Stock skopeo fetches from a running portal and decrypts with the node's key; so does buildah."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import requests
import zstandard
from urllib3.exceptions import ProtocolError

from tests.interop.busybox import PRINTED
from tests.interop.delivery_portal import Portal
from tests.interop.skopeo_node import SkopeoNode
from tests.support.delivery_setup import ec_key, private_pem, rsa_key
from tests.support.fakes.images import make_layer

pytestmark = pytest.mark.interop


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_skopeo_fetches_and_decrypts(portal: Portal, tmp_path: Path, kind: str) -> None:
    image = portal.group(name=f"way-{kind}", sizes=[20_000_000, 3_000_000, 10])
    machine = SkopeoNode(portal, kind, ec_key() if kind == "ec" else rsa_key(), tmp_path / "node")
    given = portal.given(node=machine.id)
    done = machine.copy(given, "image")
    assert done.returncode == 0, done.stderr
    assert machine.holds("image", image)
    manifest = json.loads(machine.blobs("image")["manifest.json"])
    assert [layer["mediaType"] for layer in manifest["layers"]] == ["application/vnd.oci.image.layer.v1.tar+gzip"] * 3
    assert portal.ledger(group=f"way-{kind}") == [["opened", ""]]
    assert sorted(whole for whole, _ in portal.sent(group=f"way-{kind}")) == [1, 1, 1]

    # Within the minute the token still opens the same session, which has no layer left to give; then not even that.
    again = machine.copy(given, "again")
    assert again.returncode != 0
    assert not machine.holds("again", image)
    refused = portal.ledger(group=f"way-{kind}")[2:]
    assert refused
    assert {tuple(row) for row in refused} == {("refused", "layer_again")}
    assert sorted(whole for whole, _ in portal.sent(group=f"way-{kind}")) == [1, 1, 1]


def test_buildah_decrypts_and_runs_what_was_fetched_by_digest(portal: Portal, tmp_path: Path) -> None:
    """It takes no decryption key together with a digest; so what was fetched by digest is decrypted from a layout."""
    assert shutil.which("buildah"), "this test needs buildah"
    portal.busybox(name="buildah", command=["/bin/sh"], environment={}, restart_policy="never")
    machine = SkopeoNode(portal, "buildah", ec_key(), tmp_path / "node")
    given = portal.given(node=machine.id)
    fetched = machine.fetch(given, "layout")
    assert fetched.returncode == 0, fetched.stderr
    layout = machine.folder / "layout"
    (entry,) = json.loads((layout / "index.json").read_bytes())["manifests"]
    assert given["image"].endswith(entry["digest"])
    stored = [path.read_bytes() for path in (layout / "blobs" / "sha256").iterdir()]
    assert not any(raw.startswith(b"\x1f\x8b") for raw in stored), "layers stay encrypted until the key opens them"

    buildah = [
        "buildah",
        "--root",
        str(tmp_path / "root"),
        "--runroot",
        str(tmp_path / "run"),
        "--storage-driver",
        "vfs",
    ]

    def call(*arguments: str) -> str:
        done = subprocess.run([*buildah, *arguments], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    policy = tmp_path / "policy.json"
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    key = ("--decryption-key", str(machine.key_file), "--signature-policy", str(policy))
    container = call("from", *key, f"oci:{layout}").strip()
    try:
        run = ("run", "--isolation", "chroot", container, "--", "/bin/busybox", "cat", "/srv/hello.txt")
        assert call(*run) == PRINTED.decode()
    finally:
        call("rm", "--all")
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()


def test_skopeo_opens_what_was_compressed_here(portal: Portal, tmp_path: Path) -> None:
    contents = [b"again and again " * size for size in (9, 200_000)]
    tars = [gzip.decompress(make_layer({f"file-{number}": content})) for number, content in enumerate(contents)]
    kept = portal.pulled_group(name="squeezed", plain=[base64.b64encode(tar).decode() for tar in tars])
    assert kept == "application/vnd.oci.image.layer.v1.tar+zstd"
    machine = SkopeoNode(portal, "squeezed", ec_key(), tmp_path / "node")

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
    machine = SkopeoNode(portal, "over", ec_key(), tmp_path / "node")
    given = portal.given(node=machine.id)
    assert machine.copy(given, "image").returncode == 0
    portal.revoke(group="over")
    assert machine.copy(given, "again").returncode != 0
    assert portal.ledger(group="over") == [["opened", ""], ["refused", "replayed"]]


def test_another_node_gets_nothing_and_spoils_nothing(portal: Portal, tmp_path: Path) -> None:
    image = portal.group(name="theirs", sizes=[1_000_000])
    machine = SkopeoNode(portal, "owner", ec_key(), tmp_path / "owner")
    thief = SkopeoNode(portal, "thief", ec_key(), tmp_path / "thief")
    given = portal.given(node=machine.id)
    assert thief.copy(given, "image").returncode != 0
    assert portal.ledger(group="theirs") == [["refused", "other_node"]]
    assert machine.copy(given, "image").returncode == 0
    assert machine.holds("image", image)


def test_the_wrong_key_opens_nothing(portal: Portal, tmp_path: Path) -> None:
    image = portal.group(name="locked", sizes=[1_000_000])
    machine = SkopeoNode(portal, "locked", ec_key(), tmp_path / "node")
    wrong = tmp_path / "wrong.key"
    wrong.write_bytes(private_pem(ec_key()))
    done = machine.copy(portal.given(node=machine.id), "image", key_file=wrong)
    assert done.returncode != 0
    assert not machine.holds("image", image)


def test_tampered_ciphertext_is_refused(portal: Portal, tmp_path: Path) -> None:
    image = portal.group(name="tampered", sizes=[1_000_000, 10])
    portal.tamper(group="tampered")
    machine = SkopeoNode(portal, "tampered", ec_key(), tmp_path / "node")
    done = machine.copy(portal.given(node=machine.id), "image")
    assert done.returncode != 0
    assert not machine.holds("image", image)


def test_revoking_in_mid_download_ends_it(portal: Portal, tmp_path: Path) -> None:
    portal.group(name="revoked", sizes=[40_000_000])
    machine = SkopeoNode(portal, "revoked", ec_key(), tmp_path / "node")
    blob, headers, _ = machine.session(portal.given(node=machine.id))
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
    machine = SkopeoNode(portal, "resumed", ec_key(), tmp_path / "node")
    blob, headers, layer = machine.session(portal.given(node=machine.id))
    with requests.get(blob, headers=headers, stream=True, timeout=10) as response:
        got = next(response.iter_content(2_000_000))
    rest = requests.get(blob, headers=headers | {"Range": f"bytes={len(got)}-"}, timeout=30)
    assert rest.status_code == 206
    assert f"sha256:{hashlib.sha256(got + rest.content).hexdigest()}" == layer["digest"]
    assert portal.until(lambda: requests.get(blob, headers=headers, timeout=10).status_code == 403)
