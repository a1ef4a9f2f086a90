"""A node by hand: its key in a file, and stock skopeo."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import requests

from tests.interop.delivery_portal import Portal
from tests.support.delivery_setup import private_pem, public_pem


class SkopeoNode:
    """See the module. `folder` is where its key is, and what it fetches."""

    def __init__(self, portal: Portal, name: str, key: Any, folder: Path) -> None:
        self.portal, self.folder = portal, folder
        folder.mkdir()
        self.key_file = folder / "node.key"
        self.key_file.write_bytes(private_pem(key))
        self.id = portal.node(name=name, public_key=public_pem(key))

    def copy(self, given: dict[str, Any], into: str, key_file: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Fetch by digest and decrypt."""
        options = ("--decryption-key", str(key_file or self.key_file))
        return skopeo_copy(given, self.id, f"dir:{self.folder / into}", self.folder / "auth.json", *options)

    def fetch(self, given: dict[str, Any], into: str) -> subprocess.CompletedProcess[str]:
        """Fetch by digest into an OCI layout, as it is."""
        return skopeo_copy(given, self.id, f"oci:{self.folder / into}", self.folder / "auth.json")

    def blobs(self, into: str) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.folder / into).iterdir()}

    def holds(self, into: str, image: list[str]) -> bool:
        """Whether config and layers lie there in clear, byte for byte."""
        return holds(self.folder / into, image)

    def session(self, given: dict[str, Any]) -> tuple[str, dict[str, str], dict[str, Any]]:
        """Redeem; return the address of the largest layer, the headers that open it, and its descriptor."""
        url = self.portal.layers_url
        redeemed = requests.get(f"{url}/v2/token", auth=(self.id, given["token"]), timeout=10).json()
        headers = {"Authorization": f"Bearer {redeemed['token']}"}
        name, _, digest = given["image"].removeprefix(self.portal.host + "/").partition("@")
        manifest = requests.get(f"{url}/v2/{name}/manifests/{digest}", headers=headers, timeout=10).json()
        layer = max(manifest["layers"], key=lambda layer: layer["size"])
        return f"{url}/v2/{name}/blobs/{layer['digest']}", headers, layer


def skopeo_copy(
    given: dict[str, Any], node: str, into: str, auth_file: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    """Fetch what a node was given, with its one-time token."""
    assert shutil.which("skopeo"), "these tests need skopeo"
    host, login = given["image"].partition("/")[0], base64.b64encode(f"{node}:{given['token']}".encode()).decode()
    auth_file.write_text(json.dumps({"auths": {host: {"auth": login}}}))
    command = ["skopeo", "--insecure-policy", "copy", "--src-tls-verify=false", "--src-authfile", str(auth_file)]
    command += [*options, f"docker://{given['image']}", into]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def holds(folder: Path, image: list[str]) -> bool:
    """Whether config and layers (base64) lie in a folder in clear, byte for byte, by their digests."""
    wanted = [base64.b64decode(layer) for layer in image]
    paths = [(folder / hashlib.sha256(raw).hexdigest(), raw) for raw in wanted]
    return all(path.is_file() and path.read_bytes() == raw for path, raw in paths)
