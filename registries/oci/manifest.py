"""Reads manifests and indexes, and refuses those that could be read in two ways.

Docker schema 2 and OCI 1.x are supported. `registries.oci.client` fetches them, `registries.oci.platform` compares
platforms, and `groups.ingest` checks sizes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from registries.failures import DigestMismatch, UnsupportedManifest
from registries.oci import strict_json
from registries.oci.platform import Platform
from registries.oci.reference import is_digest

MAX_MANIFEST_BYTES = 4 * 1024 * 1024
MAX_LAYERS = 1000
MAX_ENTRIES = 1000
MAX_SIZE = 2**53 - 1
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
ACCEPT = (OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST)
"""A header line each: some registries compare whole lines, and fall back to schema 1 (containerd/containerd#5632)."""
MANIFESTS = frozenset({DOCKER_MANIFEST, OCI_MANIFEST})
INDEXES = frozenset({DOCKER_LIST, OCI_INDEX})
CONFIGS = frozenset({"application/vnd.docker.container.image.v1+json", "application/vnd.oci.image.config.v1+json"})
LAYERS = frozenset(
    {
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.diff.tar.zstd",
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.oci.image.layer.v1.tar+zstd",
    }
)

_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")


@dataclass(frozen=True)
class Descriptor:
    """A reference from one document to another: `digest` is `sha256:<64 hex>`, `size` is in bytes."""

    media_type: str
    digest: str
    size: int
    annotations: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Manifest:
    """An image for one platform, as the registry sent it (`raw`)."""

    digest: str
    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    raw: bytes

    @property
    def declared_bytes(self) -> int:
        """The declared size of a pull in bytes: config and layers, each digest once."""
        return sum({blob.digest: blob.size for blob in (self.config, *self.layers)}.values())


@dataclass(frozen=True)
class Entry:
    """A row of an index."""

    descriptor: Descriptor
    platform: Platform | None

    @property
    def is_attestation(self) -> bool:
        return any(name == "vnd.docker.reference.type" for name, _ in self.descriptor.annotations)


@dataclass(frozen=True)
class Index:
    """A list of manifests, one a platform."""

    digest: str
    media_type: str
    entries: tuple[Entry, ...]
    raw: bytes


def read_document(raw: bytes, content_type: str, expected_digest: str | None = None) -> Manifest | Index:
    """Read the response of a manifest address.

    Raises `DigestMismatch` if it does not have `expected_digest`, and `UnsupportedManifest` for everything that is not
    an image: schema 1, artifacts, foreign layers, contradictions, other types.
    """
    digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
    if expected_digest is not None and digest != expected_digest:
        raise DigestMismatch(what="the manifest", raw="digest")
    announced = content_type.partition(";")[0].strip().lower()
    if announced in {"text/html", "application/xhtml+xml"}:
        raise UnsupportedManifest(reason="the registry answered with a web page", raw="html")
    document = read_json(raw, MAX_MANIFEST_BYTES)
    if document.get("schemaVersion") == 1 or announced.startswith("application/vnd.docker.distribution.manifest.v1"):
        raise UnsupportedManifest(reason="it has the old schema 1, which is no longer taken", raw="schema 1")
    if document.get("schemaVersion") != 2:
        raise UnsupportedManifest(reason="it has no schema version that we know", raw="schema")
    if document.get("mediaType", announced) != announced:
        raise UnsupportedManifest(reason="it contradicts itself about its type", raw="media type")
    if ("manifests" in document) == ("layers" in document) or ("manifests" in document and "config" in document):
        raise UnsupportedManifest(reason="it does not say clearly whether it is one image or a list", raw="ambiguous")
    if announced in MANIFESTS and "layers" in document:
        return _manifest(document, digest, announced, raw)
    if announced in INDEXES and "manifests" in document:
        return Index(digest, announced, _entries(document["manifests"]), raw)
    raise UnsupportedManifest(reason="it has a type that no image has", raw="media type")


def read_json(raw: bytes, limit: int) -> dict[str, object]:
    """Return the JSON object of a manifest or a config, at most `limit` bytes. Raises `UnsupportedManifest`."""
    try:
        return strict_json.read_object(raw, limit)
    except strict_json.JsonInvalid as error:
        raise UnsupportedManifest(reason=error.reason, raw=error.raw) from None


def choose(entries: Iterable[Entry], wanted: Platform) -> Entry | None:
    """Return the entry that a node of `wanted` should run, or None. Attestations and unknown platforms don't count."""
    images = [entry for entry in entries if not entry.is_attestation]
    position = wanted.choose(entry.platform for entry in images)
    return None if position is None else images[position]


def _manifest(document: dict[str, object], digest: str, media_type: str, raw: bytes) -> Manifest:
    config = _descriptor(document.get("config"))
    if config.media_type not in CONFIGS:
        raise UnsupportedManifest(reason="it is some other artifact, not a container image", raw="artifact")
    listed = document["layers"]
    if not isinstance(listed, list) or not listed:
        raise UnsupportedManifest(reason="it has no layers", raw="layers")
    if len(listed) > MAX_LAYERS:
        raise UnsupportedManifest(reason=f"it has more than {MAX_LAYERS} layers", raw="layers")
    layers = tuple(_descriptor(item) for item in listed)
    for layer in layers:
        _check_layer(layer)
    sizes: dict[str, int] = {}
    for blob in (config, *layers):
        if sizes.setdefault(blob.digest, blob.size) != blob.size:
            raise UnsupportedManifest(reason="it gives one layer two sizes", raw="sizes")
    return Manifest(digest, media_type, config, layers, raw)


def _check_layer(layer: Descriptor) -> None:
    if layer.media_type in LAYERS:
        return
    if "foreign" in layer.media_type or "nondistributable" in layer.media_type:
        raise UnsupportedManifest(reason="it has foreign layers, which lie outside of the registry", raw="foreign")
    if layer.media_type.endswith("+encrypted"):
        raise UnsupportedManifest(reason="its layers are encrypted already", raw="encrypted")
    raise UnsupportedManifest(reason="it has layers of a type that no image has", raw="layer type")


def _entries(listed: object) -> tuple[Entry, ...]:
    if not isinstance(listed, list):
        raise UnsupportedManifest(reason="its list of platforms can't be read", raw="manifests")
    if len(listed) > MAX_ENTRIES:
        raise UnsupportedManifest(reason=f"it lists more than {MAX_ENTRIES} images", raw="manifests")
    return tuple(Entry(_descriptor(item), Platform.of_entry(item.get("platform"))) for item in listed)


def _descriptor(item: object) -> Descriptor:
    if not isinstance(item, dict):
        raise UnsupportedManifest(reason="a part of it is missing", raw="descriptor")
    media_type, digest, size = item.get("mediaType"), item.get("digest"), item.get("size")
    annotations = item.get("annotations") or {}
    if not isinstance(media_type, str) or not _MEDIA_TYPE.fullmatch(media_type):
        raise UnsupportedManifest(reason="a part of it has no valid type", raw="media type")
    if not isinstance(digest, str) or not is_digest(digest):
        raise UnsupportedManifest(reason="a part of it is not named by a sha256 digest", raw="digest")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= MAX_SIZE:
        raise UnsupportedManifest(reason="a part of it has an impossible size", raw="size")
    if not isinstance(annotations, dict) or not all(isinstance(text, str) for text in annotations.values()):
        raise UnsupportedManifest(reason="its annotations can't be read", raw="annotations")
    if item.get("urls"):
        raise UnsupportedManifest(reason="it has foreign layers, which lie outside of the registry", raw="urls")
    if "data" in item:
        _check_inline(item["data"], digest, size)
    return Descriptor(media_type, digest, size, tuple(annotations.items()))


def _check_inline(data: object, digest: str, size: int) -> None:
    """Refuse inline data that does not match its digest. It is never used otherwise."""
    try:
        inline = base64.b64decode(data, validate=True) if isinstance(data, str) else None
    except (TypeError, ValueError, binascii.Error):
        inline = None
    if inline is None or len(inline) != size or f"sha256:{hashlib.sha256(inline).hexdigest()}" != digest:
        raise UnsupportedManifest(reason="it carries data that differ from their digest", raw="inline data")
