"""A node by hand: its key in a file, and stock skopeo."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.groups.delivery.made import private_pem, public_pem
from tests.interop.delivery_portal import Portal


class Machine:
    """A node by hand: its key in a file, and skopeo."""

    def __init__(self, portal: Portal, name: str, key: Any, folder: Path) -> None:
        self.portal, self.folder = portal, folder
        folder.mkdir()
        self.key_file = folder / "node.key"
        self.key_file.write_bytes(private_pem(key))
        self.id = portal.node(name=name, public_key=public_pem(key))

    def copy(self, given: dict[str, Any], into: str, key_file: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Fetch by digest and decrypt."""
        return self._copy(given, f"dir:{self.folder / into}", "--decryption-key", str(key_file or self.key_file))

    def fetch(self, given: dict[str, Any], into: str) -> subprocess.CompletedProcess[str]:
        """Fetch by digest into an OCI layout, as it is."""
        return self._copy(given, f"oci:{self.folder / into}")

    def _copy(self, given: dict[str, Any], into: str, *options: str) -> subprocess.CompletedProcess[str]:
        auth_file = self.folder / "auth.json"
        secret = base64.b64encode(f"{self.id}:{given['token']}".encode()).decode()
        auth_file.write_text(json.dumps({"auths": {self.portal.host: {"auth": secret}}}))
        assert shutil.which("skopeo"), "these tests need skopeo"
        command = ["skopeo", "--insecure-policy", "copy", "--src-tls-verify=false", "--src-authfile", str(auth_file)]
        command += [*options, f"docker://{given['image']}", into]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    def blobs(self, into: str) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.folder / into).iterdir()}


def holds(blobs: dict[str, bytes], image: list[str]) -> bool:
    """Whether config and layers lie there in clear, byte for byte."""
    wanted = [base64.b64decode(each) for each in image]
    return all(blobs.get(hashlib.sha256(raw).hexdigest()) == raw for raw in wanted)
