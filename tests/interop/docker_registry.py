"""Debian's docker-registry with Basic authentication, and images pushed to it with skopeo."""

from __future__ import annotations

import json
import ssl
import subprocess
from pathlib import Path
from typing import Self
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from tests.support.fakes.images import Built, descriptor
from tests.support.processes import free_port, until

USER = "deploy"
PASSWORD = "interop-canary-51"  # pragma: allowlist secret
_BCRYPT = "$2b$04$abcdefghijklmnopqrstuuPikcxMNmQkEY/bASvsMb5F9tZIZMt5W"
_CONFIG = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {data}}}}}
http: {{addr: "{host}"{tls}}}
validation: {{manifests: {{urls: {{allow: ["^https://"]}}}}}}
auth: {{htpasswd: {{realm: private, path: {htpasswd}}}}}
"""


class DockerRegistry:
    """A registry process. `host`, `user` and `password` are what a member would enter. `tls` are the files of a
    certificate and its key, `bcrypt` is the password as in its password file."""

    def __init__(
        self, folder: Path, *, tls: tuple[Path, Path] | None = None, user: str = USER, password: str = PASSWORD,
        bcrypt: str = _BCRYPT,
    ) -> None:  # fmt: skip
        self.folder = folder
        self.user = user
        self.password = password
        self._tls = tls
        self.host = f"127.0.0.1:{free_port()}"
        (folder / "htpasswd").write_text(f"{user}:{bcrypt}\n")
        (folder / "config.yml").write_text(
            _CONFIG.format(
                data=folder / "data",
                host=self.host,
                htpasswd=folder / "htpasswd",
                tls=f", tls: {{certificate: {tls[0]}, key: {tls[1]}}}" if tls else "",
            )
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["docker-registry", "serve", str(self.folder / "config.yml")], stdout=log, stderr=log
            )
        until(self._answers, 20, (self.folder / "log").read_text)
        return self

    def __exit__(self, *exception: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait()

    def push(self, repository: str, tag: str, directory: Path) -> str:
        """Push the image in an OCI layout (`write_layout`), unchanged; return its reference."""
        reference = f"{self.host}/{repository}:{tag}"
        command = ["skopeo", "--insecure-policy", "copy", "--quiet", "--preserve-digests", "--dest-tls-verify=false"]
        command += ["--dest-creds", f"{self.user}:{self.password}", f"oci:{directory}", f"docker://{reference}"]
        subprocess.run(command, check=True)
        return reference

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log").read_text()
        try:
            scheme = "https" if self._tls else "http"
            anything = ssl._create_unverified_context() if self._tls else None
            urlopen(f"{scheme}://{self.host}/v2/", timeout=2, context=anything).close()
        except HTTPError as answer:
            with answer:
                return answer.code == 401
        except (URLError, OSError):
            pass
        return False


def write_layout(directory: Path, image: Built) -> Path:
    """Write an image as an OCI image layout, which skopeo reads as `oci:<directory>`."""
    folder = directory / "blobs" / "sha256"
    folder.mkdir(parents=True)
    for digest, data in {**image.blobs, image.digest: image.manifest}.items():
        (folder / digest.removeprefix("sha256:")).write_bytes(data)
    write_index(directory, image.manifest_type, image.manifest)
    return directory


def write_index(directory: Path, manifest_type: str, manifest: bytes) -> None:
    """Make a folder with the blobs of one image an OCI layout of it."""
    index = {"schemaVersion": 2, "manifests": [descriptor(manifest_type, manifest)]}
    (directory / "index.json").write_text(json.dumps(index))
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
