"""Images that are odd but valid: from Debian's docker-registry through the portal to a node, which unpacks them.

What becomes `ready` must unpack there. Each is unpacked by podman, by skopeo into its storage, and as containerd does,
which takes labels literally.
"""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.interop.delivery_portal import Portal, running
from tests.interop.docker_registry import DockerRegistry
from tests.interop.skopeo_node import SkopeoNode
from tests.interop.storages import Storage, read_as_containerd
from tests.support.delivery_setup import ec_key
from tests.support.fakes.images import OCI as OCI_TYPES
from tests.support.fakes.images import Built, as_json, build_image, descriptor, digest_of
from tests.support.layer_types import DOCKER, OCI, OCI_MANIFEST, build, compressed

pytestmark = pytest.mark.interop
REPOSITORY = "team/odd"


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    networks = {"PORTAL_REGISTRY_ALLOW_NETWORKS": "127.0.0.0/8 plain"}
    with running(tmp_path_factory.mktemp("portal"), **networks) as portal:
        yield portal


def tar_of(name: str) -> bytes:
    """A layer with one file, which says its name."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(name), 0o644
        tar.addfile(entry, io.BytesIO(name.encode()))
    return packed.getvalue()


LAYERS = {
    "tar": (OCI, ""),
    "tar-docker": (DOCKER, ""),
    "tar-called-gzip": (f"{DOCKER}.gzip", ""),
    "gzip-called-tar": (OCI, "gzip"),  # containerd/containerd#10134
    "gzip-called-docker-tar": (DOCKER, "gzip"),  # containerd/containerd#13662
    "zstd-called-gzip": (f"{OCI}+gzip", "zstd"),
    "gzip-called-zstd": (f"{OCI}+zstd", "gzip"),
    "gzip-called-nothing": ("application/octet-stream", "gzip"),
    "gzip-called-foreign": ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "gzip"),
}
OTHER_LAYERS = {  # google/go-containerregistry#1480; containerd unpacks neither
    "bzip2-called-tar": (OCI, "bzip2"),
    "bzip2-called-gzip": (f"{DOCKER}.gzip", "bzip2"),
    "xz-called-tar": (OCI, "xz"),
}


def of_layers(layers: dict[str, tuple[str, str]], config_type: str = OCI_TYPES["config"], **config: object) -> Built:
    packed = [(media_type, compressed(tar_of(name), how)) for name, (media_type, how) in layers.items()]
    return build(*packed, config_type=config_type, **config)


PLAIN = build_image([b"plain"])


def changed(**changes: object) -> Built:
    """The plain image, with these parts of its manifest changed."""
    manifest = as_json({**json.loads(PLAIN.manifest), **changes})
    return Built(manifest, OCI_MANIFEST, PLAIN.config_digest, PLAIN.layer_digests, PLAIN.blobs)


def with_urls() -> Built:
    layers = [{**layer, "urls": ["https://elsewhere.example/layer"]} for layer in json.loads(PLAIN.manifest)["layers"]]
    return changed(layers=layers)


def listed(*entries: dict[str, object]) -> bytes:
    return as_json({"schemaVersion": 2, "mediaType": OCI_TYPES["index"], "manifests": entries})


def entry(image: Built, **more: object) -> dict[str, object]:
    return descriptor(image.manifest_type, image.manifest, **more)


ARM = build_image([b"arm"], platform="linux/arm64")
IMAGES = {
    "labels of layers": of_layers(LAYERS),
    "other compressions": of_layers(OTHER_LAYERS),
    "moby/moby#48361 config called html": of_layers({"html": (OCI, "gzip")}, "text/html"),
    "moby/moby#44568 config called octet-stream": of_layers({"octets": (OCI, "gzip")}, "application/octet-stream"),
    "names of a platform": of_layers({"names": (OCI, "")}, os="Linux", architecture="x86_64"),
    "variant v2": of_layers({"variant": (OCI, "")}, variant="v2"),
    "containerd/containerd#7676 urls": with_urls(),
    "manifests null": changed(manifests=None),
    "deep": changed(annotations={}, unknown=json.loads("[" * 41 + "]" * 41), many=[0] * 300_000),
}
INDEXES = {
    "ocidir-rs#73 without platforms": listed(entry(ARM), entry(PLAIN)),
    "platform in other names": listed(
        {**entry(ARM), "platform": {"os": "linux", "architecture": "aarch64", "variant": "v8"}},
        entry(PLAIN, platform={"os": "Linux", "architecture": "AMD64", "variant": "v1"}),
    ),
}


def push(registry: DockerRegistry, tag: str, media_type: str, manifest: bytes, *images: Built) -> str:
    """Push as it is: skopeo would mend some of it."""
    url, login = f"http://{registry.host}/v2/{REPOSITORY}", (registry.user, registry.password)
    for image in images:
        for digest, blob in image.blobs.items():
            begun = requests.post(f"{url}/blobs/uploads/", auth=login, timeout=10).headers["Location"]
            sent = requests.put(f"{begun}&digest={digest}", blob, auth=login, timeout=10)
            assert sent.status_code == 201, sent.text
    for name, kind, document in [
        *((image.digest, image.manifest_type, image.manifest) for image in images if image.manifest != manifest),
        (tag, media_type, manifest),
    ]:
        sent = requests.put(f"{url}/manifests/{name}", document, headers={"Content-Type": kind}, auth=login, timeout=10)
        assert sent.status_code == 201, sent.text
    return f"{registry.host}/{REPOSITORY}:{tag}"


def delivered(portal: Portal, registry: DockerRegistry, reference: str, folder: Path) -> Path:
    """Pull the image, have a node fetch and decrypt it, and return its `dir:` folder."""
    assert shutil.which("podman"), "these tests need podman"
    name = reference.rpartition(":")[2]
    assert portal.pulled_from(name=name, reference=reference, user=registry.user, password=registry.password) == [
        "ready"
    ]
    machine = SkopeoNode(portal, name, ec_key(), folder / "node")
    done = machine.copy(portal.given(node=machine.id), "image")
    assert done.returncode == 0, done.stderr
    return machine.folder / "image"


@pytest.mark.parametrize("case", IMAGES)
def test_an_image_unpacks(portal: Portal, docker_registry: DockerRegistry, tmp_path: Path, case: str) -> None:
    image = IMAGES[case]
    tag = f"i{digest_of(case.encode())[7:19]}"
    reference = push(docker_registry, tag, image.manifest_type, image.manifest, image)

    folder = delivered(portal, docker_registry, reference, tmp_path)

    with Storage() as podman, Storage() as skopeo:
        files = podman.podman_pull(folder)
        assert skopeo.skopeo_copy(folder, "odd") == files != {}
    if case == "other compressions":
        assert set(files) == set(OTHER_LAYERS)
        return
    assert read_as_containerd(folder) == files
    if case == "labels of layers":
        assert files == {name: name.encode() for name in LAYERS}


@pytest.mark.parametrize("case", INDEXES)
def test_the_right_image_of_an_index_unpacks(
    portal: Portal, docker_registry: DockerRegistry, tmp_path: Path, case: str
) -> None:
    tag = f"x{digest_of(case.encode())[7:19]}"
    reference = push(docker_registry, tag, OCI_TYPES["index"], INDEXES[case], PLAIN, ARM)
    folder = delivered(portal, docker_registry, reference, tmp_path)
    with Storage() as podman:
        assert podman.podman_pull(folder) == read_as_containerd(folder) == {"layer-0": b"plain"}
