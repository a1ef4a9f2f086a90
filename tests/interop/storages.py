"""Where nodes unpack images: with podman, with skopeo into its storage, and as containerd reads a manifest."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Self

import zstandard

from tests.support.layer_types import OCI


class Storage:
    """A storage of images of its own, without cgroups and overlays, so that it works inside a container. A context
    manager."""

    def __init__(self) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="storage-")  # podman takes short paths only
        self._folder = Path(self._temporary.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._temporary.cleanup()

    def podman_pull(self, image: Path) -> dict[str, bytes]:
        """Return the files of the image in a `dir:` folder, as podman unpacks them."""
        return self._files(self._podman("pull", "--quiet", f"dir:{image}"))

    def skopeo_copy(self, image: Path, name: str) -> dict[str, bytes]:
        """Return the files of the image in a `dir:` folder, as skopeo unpacks them."""
        into = f"containers-storage:[vfs@{self._folder / 'root'}+{self._folder / 'run'}]localhost/{name}:1"
        _call("skopeo", "--insecure-policy", "copy", "--quiet", f"dir:{image}", into)
        return self._files(f"localhost/{name}:1")

    def _files(self, image: str) -> dict[str, bytes]:
        root = Path(self._podman("image", "mount", image))
        found = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        self._podman("image", "umount", "--force", image)
        return found

    def _podman(self, *arguments: str) -> str:
        places = ("--root", "root", "--runroot", "run", "--tmpdir", "tmp")
        folders = [str(self._folder / place) if number % 2 else place for number, place in enumerate(places)]
        options = ("--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "file")
        return _call("podman", *folders, *options, *arguments)


def read_as_containerd(image: Path) -> dict[str, bytes]:
    """Return the files of the image in a `dir:` folder. The label of each layer is taken literally, and its content has
    the digest that the config names (containerd, `images.DiffCompression` and `rootfs.ApplyLayers`). There is no way to
    unpack other labels there."""
    manifest = json.loads((image / "manifest.json").read_bytes())
    config = json.loads(_blob(image, manifest["config"]["digest"]))
    ways: dict[str, Callable[[bytes], bytes]] = {
        OCI: bytes,
        f"{OCI}+gzip": gzip.decompress,
        f"{OCI}+zstd": lambda raw: zstandard.ZstdDecompressor().decompressobj().decompress(raw),
    }
    found: dict[str, bytes] = {}
    for layer, diff_id in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True):
        content = ways[layer["mediaType"]](_blob(image, layer["digest"]))
        assert f"sha256:{hashlib.sha256(content).hexdigest()}" == diff_id
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            found |= {entry.name: tar.extractfile(entry).read() for entry in tar if entry.isfile()}  # type: ignore[union-attr]
    return found


def _blob(image: Path, digest: str) -> bytes:
    return (image / digest.removeprefix("sha256:")).read_bytes()


def _call(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
