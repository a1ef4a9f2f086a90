"""The two sides of a pull: our worker's code, and stock skopeo, from a registry that holds the same images."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.benchmarks import clocks
from tests.benchmarks.clocks import Spent
from tests.benchmarks.images import Layout
from tests.faults.portal import Portal
from tests.interop.docker_registry import DockerRegistry


@contextmanager
def serving(folder: Path, layouts: Mapping[str, Layout]) -> Iterator[DockerRegistry]:
    """Debian's docker-registry with these images, by repository, tag `1.0`. Their layouts are removed."""
    (folder / "registry").mkdir()
    with DockerRegistry(folder / "registry") as registry:
        for repository, layout in layouts.items():
            registry.push(repository, "1.0", layout.folder)
            shutil.rmtree(layout.folder)
        yield registry


class Ours:
    """Calls that pull in work-horses, without Redis or worker: the wake-up is measured by another benchmark."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._portal = Portal(folder)

    def pull(self, registry: DockerRegistry, repository: str, *, organization: str = "", keep: bool = False) -> Spent:
        """Pull with a fresh credential, for an organization of its own unless one is named. What was stored is
        removed again, unless it is to be kept."""
        calls = self._portal.calls
        slug = organization or f"o{uuid.uuid4().hex[:12]}"
        if not organization:
            calls.organization(slug=slug)
        made = calls.create(
            organization=slug,
            name=f"g{uuid.uuid4().hex[:12]}",
            reference=f"{registry.host}/{repository}:1.0",
            username=registry.user,
            password=registry.password,
        )
        spent = Spent(**calls.pull_in_a_work_horse(image=made["image"]))
        status = calls.status(image=made["image"])
        assert status["status"] == "ready", f"{status}\n{self._portal.log_tails()}"
        if not keep:
            calls.delete(group=made["group"])
            shutil.rmtree(self._portal.blobs / made["organization"])
        return spent

    def organization(self) -> str:
        """Make one whose pulls may share."""
        slug = f"o{uuid.uuid4().hex[:12]}"
        self._portal.calls.organization(slug=slug)
        return slug

    def stored(self) -> int:
        """Bytes in the store."""
        return sum(path.stat().st_size for path in self._portal.blobs.rglob("*") if path.is_file())

    def clear(self) -> None:
        """Remove all blobs."""
        shutil.rmtree(self._portal.blobs, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._portal.close()


class Skopeo:
    """The machine's skopeo, which encrypts to a key into an OCI layout."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        key = folder / "key.pem"
        subprocess.run(["openssl", "genrsa", "-out", str(key), "3072"], check=True, capture_output=True)
        public = ["openssl", "rsa", "-in", str(key), "-pubout", "-out", str(folder / "public.pem")]
        subprocess.run(public, check=True, capture_output=True)

    @property
    def version(self) -> str:
        said = subprocess.run(["skopeo", "--version"], check=True, capture_output=True, text=True).stdout
        return said.strip().replace(" version", "").split(" commit")[0]

    def copy(self, registry: DockerRegistry, repository: str) -> Spent:
        """Copy encrypted; what came is removed again."""
        command = ["skopeo", "--insecure-policy", "copy", "--quiet", "--src-tls-verify=false"]
        command += ["--src-creds", f"{registry.user}:{registry.password}"]
        command += ["--encryption-key", f"jwe:{self._folder / 'public.pem'}"]
        command += [f"docker://{registry.host}/{repository}:1.0", f"oci:{self._folder / 'copied'}:1.0"]
        try:
            return clocks.of_command(command)
        finally:
            shutil.rmtree(self._folder / "copied", ignore_errors=True)
