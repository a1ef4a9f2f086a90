"""Fetching with skopeo, which verifies digests and decrypts layers with the node's key.

The token is in an auth file that only this user can read, not on the command line.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from groups.agent.files import write_private
from groups.agent.order import Order, PullFailed

CHECK_SECONDS = 0.5
GRACE_SECONDS = 5


def is_installed() -> bool:
    """Whether there is a skopeo on the path."""
    return shutil.which("skopeo") is not None


class SkopeoPuller:
    """See `groups.agent.order.Puller`."""

    def pull(self, order: Order, folder: Path) -> None:
        host, repository, digest = order.parts
        with tempfile.TemporaryDirectory(prefix="drayage-skopeo-") as private:
            auth_file = Path(private) / "auth.json"
            secret = base64.b64encode(f"{order.node_id}:{order.token}".encode()).decode()
            write_private(auth_file, json.dumps({"auths": {host: {"auth": secret}}}).encode())
            # The digest identifies the image, so no signature policy is needed.
            command = ["skopeo", "--insecure-policy", "copy", "--src-authfile", str(auth_file)]
            command += [] if order.secure else ["--src-tls-verify=false"]
            command += ["--decryption-key", str(order.key_file), f"docker://{host}/{repository}@{digest}"]
            self._run([*command, f"dir:{folder}"], order, folder, Path(private))

    def _run(self, command: list[str], order: Order, folder: Path, private: Path) -> None:
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(private), "TMPDIR": str(private)}
        with (private / "output").open("w+b") as output:
            process = subprocess.Popen(  # noqa: S603 (no shell; the image's name was checked)
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
            )
            try:
                self._watch(process, order, folder)
            finally:
                _end(process)
            if process.returncode != 0:
                output.seek(0)
                last = output.read().decode(errors="replace").strip().rpartition("\n")[2]
                raise PullFailed(f"skopeo: {last.replace(order.token, '…')[-300:]}")

    def _watch(self, process: subprocess.Popen[bytes], order: Order, folder: Path) -> None:
        """Wait for the process to end; report the progress by the size of the folder."""
        while process.poll() is None:
            order.check()
            received = _size(folder)
            order.progress(100 * received // order.size if order.size else 0, f"{received / 1e6:.1f} MB")
            time.sleep(CHECK_SECONDS)


def _size(folder: Path) -> int:
    total = 0
    for path in folder.iterdir():
        try:
            total += path.stat().st_size
        except FileNotFoundError:  # renamed in between
            continue
    return total


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
