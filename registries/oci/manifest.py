"""Reads manifests and indexes: strict about what is used, and blind to the rest.

Used are a manifest's config and layers, and the entry of an index that is chosen (`registries.oci.choice`). Docker
schema 2 and OCI 1.x are supported. `registries.oci.client` fetches documents, and `groups.ingest` checks sizes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from registries.failures import DigestMismatch, RegistryUnreachable, UnsupportedManifest, Where, registry_itself
from registries.oci import blob_types, registry_json
from registries.oci.blob_types import bare
from registries.oci.platform import Platform
from registries.oci.reference import is_digest
from registries.oci.registry_json import names_twice
from registries.oci.strict_json import JsonInvalid

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
_KINDS = {**dict.fromkeys(MANIFESTS, "layers"), **dict.fromkeys(INDEXES, "manifests")}
"""What each type of document lists."""
_USUAL = {"layers": OCI_MANIFEST, "manifests": OCI_INDEX}
_PARTS = frozenset({"schemaVersion", "mediaType", "config", "layers", "manifests", "artifactType", "blobs", "fsLayers"})
"""Names of which every manifest has one, also of artifacts and of schema 1."""
GENERIC = frozenset({"", "application/json", "application/octet-stream", "text/plain", "text/html"})
"""What servers say that don't know the type of what they send."""

_SCHEMA_1 = re.compile(r"application/vnd\.docker\.distribution\.manifest\.v1\b")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")

_NOWHERE = registry_itself("")


@dataclass(frozen=True)
class Descriptor:
    """A reference from one document to another: `digest` is `sha256:<64 hex>`, `size` is in bytes. Where `outside`, the
    registry may not have it."""

    media_type: str
    digest: str
    size: int
    outside: bool = False


@dataclass(frozen=True)
class Manifest:
    """An image for one platform, as the registry sent it (`raw`). `platform` is what an index said about it, if it was
    chosen by that."""

    digest: str
    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    raw: bytes
    platform: Platform | None = None

    @property
    def declared_bytes(self) -> int:
        """The declared size of a pull in bytes: config and layers, each digest once."""
        return sum({blob.digest: blob.size for blob in (self.config, *self.layers)}.values())


@dataclass(frozen=True)
class Entry:
    """A row of an index. It is read no further until it is chosen, so an invalid one does no harm to the others.

    `media_type` is "" where it has none, `platform` None where it names none. `is_attestation` is true of everything
    that says it is no image, `is_special` of one that only some nodes can run (`os.features`), such as Nydus's.
    """

    media_type: str
    platform: Platform | None
    is_attestation: bool = False
    is_special: bool = False
    item: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)

    @property
    def descriptor(self) -> Descriptor:
        """What it refers to. Raises `UnsupportedManifest`."""
        return _descriptor(self.item, media_type=self.media_type)


@dataclass(frozen=True)
class Index:
    """A list of manifests, one a platform."""

    digest: str
    media_type: str
    entries: tuple[Entry, ...]
    raw: bytes


def read_document(
    raw: bytes, content_type: str, expected_digest: str | None = None, where: Where = _NOWHERE
) -> Manifest | Index:
    """Read the response of a manifest address.

    Its own type counts, then the one that it was sent with, then what it lists. Raises `DigestMismatch` if it does not
    have `expected_digest`, as sent from `where`, `RegistryUnreachable` if it is no manifest at all, and
    `UnsupportedManifest` for everything that is not an image: schema 1, artifacts, contradictions (CVE-2021-41190),
    other types.
    """
    digest = digest_of(raw)
    if expected_digest is not None and digest != expected_digest:
        raise DigestMismatch(what="the manifest", raw="digest", **where)
    document = read_json(raw, MAX_MANIFEST_BYTES)
    if names_twice(document, "schemaVersion", "mediaType", "config", "layers", "manifests"):
        raise UnsupportedManifest(reason="it names a part of it twice", raw="json")
    if _PARTS.isdisjoint(document):  # such as the registry's error, with status 200
        reason = "it sent something else than a manifest, such as an error"
        raise RegistryUnreachable(case="answer", reason=reason, raw="200 no manifest", **where)
    announced = [bare(part) for part in content_type.split(",")]
    if document.get("schemaVersion") == 1 or any(_SCHEMA_1.match(part) for part in announced):
        raise UnsupportedManifest(reason="it has the old schema 1, which is no longer taken", raw="schema 1")
    if document.get("schemaVersion", 2) != 2:
        raise UnsupportedManifest(reason="it has no schema version that we know", raw="schema")
    listed = [name for name in ("layers", "manifests") if document.get(name) is not None]
    if not listed and not {"blobs", "artifactType"}.isdisjoint(document):
        raise _artifact()
    if len(listed) != 1 or (listed == ["manifests"] and document.get("config") is not None):
        raise UnsupportedManifest(reason="it does not say clearly whether it is one image or a list", raw="ambiguous")
    media_type = _media_type(document.get("mediaType") or "", announced, listed[0])
    if listed == ["layers"]:
        return _manifest(document, digest, media_type, raw)
    return Index(digest, media_type, _entries(document["manifests"]), raw)


def digest_of(raw: bytes) -> str:
    """Return the digest that names these bytes."""
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def read_json(raw: bytes, limit: int) -> dict[str, object]:
    """Return the JSON object of a manifest or a config, at most `limit` bytes. Raises `UnsupportedManifest`."""
    try:
        return registry_json.read_object(raw, limit)
    except JsonInvalid as error:
        case = "too_large" if error.raw == "size" else ""
        raise UnsupportedManifest(case=case, reason=error.reason, raw=error.raw) from None


def _media_type(own: object, announced: list[str], lists: str) -> str:
    """Return the type of a document that `lists` layers or manifests."""
    said = [bare(own) if isinstance(own, str) else "?", *announced]
    known = [one for one in said if one in _KINDS]
    if any(_KINDS[one] != lists for one in known):
        raise UnsupportedManifest(reason="it contradicts itself about its type", raw="media type")
    if said[0] not in {"", *known} or (not known and not GENERIC.issuperset(said)):
        raise UnsupportedManifest(case="artifact", reason="it has a type that no image has", raw="media type")
    return known[0] if known else _USUAL[lists]


def _manifest(document: dict[str, object], digest: str, media_type: str, raw: bytes) -> Manifest:
    config = _descriptor(document.get("config"), media_type="")
    if not blob_types.is_config(config.media_type):
        raise _artifact()
    listed = document["layers"]
    if not isinstance(listed, list) or not listed:
        raise UnsupportedManifest(case="empty", reason="it has no layers", raw="layers")
    if len(listed) > MAX_LAYERS:
        raise UnsupportedManifest(case="too_many_layers", reason=f"it has more than {MAX_LAYERS} layers", raw="layers")
    layers = tuple(_layer(item) for item in listed)
    sizes: dict[str, int] = {}
    for blob in (config, *layers):
        if sizes.setdefault(blob.digest, blob.size) != blob.size:
            raise UnsupportedManifest(reason="it gives one layer two sizes", raw="sizes")
    return Manifest(digest, media_type, config, layers, raw)


def _artifact() -> UnsupportedManifest:
    return UnsupportedManifest(
        case="artifact", reason="it is some other artifact, not a container image", raw="artifact"
    )


def _layer(item: object) -> Descriptor:
    layer = _descriptor(item)
    if blob_types.is_encrypted(layer.media_type):
        raise UnsupportedManifest(case="encrypted", reason="its layers are encrypted already", raw="encrypted")
    if not blob_types.is_layer(layer.media_type):
        raise UnsupportedManifest(case="artifact", reason="it has layers of a type that no image has", raw="layer type")
    return layer


def _entries(listed: object) -> tuple[Entry, ...]:
    if not isinstance(listed, list):
        raise UnsupportedManifest(reason="its list of platforms can't be read", raw="manifests")
    if len(listed) > MAX_ENTRIES:
        raise UnsupportedManifest(case="too_large", reason=f"it lists more than {MAX_ENTRIES} images", raw="manifests")
    return tuple(_entry(item) for item in listed if isinstance(item, dict))


def _entry(item: dict[str, object]) -> Entry:
    media_type, artifact, annotations = item.get("mediaType") or "", item.get("artifactType"), item.get("annotations")
    is_other = isinstance(artifact, str) and not blob_types.is_config(artifact)
    is_attestation = is_other or (isinstance(annotations, dict) and "vnd.docker.reference.type" in annotations)
    platform = item.get("platform")
    named = None if names_twice(item, "platform") else Platform.of_entry(platform)
    is_special = isinstance(platform, dict) and bool(platform.get("os.features"))
    return Entry(bare(media_type) if isinstance(media_type, str) else "?", named, is_attestation, is_special, item)


def _descriptor(item: object, media_type: str | None = None) -> Descriptor:
    """Read a descriptor. `media_type` counts where it has none; without it, it needs one."""
    if not isinstance(item, dict):
        raise UnsupportedManifest(reason="a part of it is missing", raw="descriptor")
    if names_twice(item, "mediaType", "digest", "size", "data"):
        raise UnsupportedManifest(reason="it names a part of it twice", raw="json")
    named, digest, size = item.get("mediaType") or media_type, item.get("digest"), item.get("size")
    if not isinstance(named, str) or (named and not _MEDIA_TYPE.fullmatch(bare(named))):
        raise UnsupportedManifest(reason="a part of it has no valid type", raw="media type")
    if not isinstance(digest, str) or not is_digest(digest):
        raise UnsupportedManifest(reason="a part of it is not named by a sha256 digest", raw="digest")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= MAX_SIZE:
        raise UnsupportedManifest(reason="a part of it has an impossible size", raw="size")
    if item.get("data"):  # Go, too, reads "" as none
        _check_inline(item["data"], digest, size)
    outside = bool(item.get("urls")) or blob_types.may_be_outside(named)
    return Descriptor(bare(named), digest, size, outside)


def _check_inline(data: object, digest: str, size: int) -> None:
    """Refuse inline data that does not match its digest. It is never used otherwise."""
    try:
        inline = base64.b64decode(data, validate=True) if isinstance(data, str) else None
    except (TypeError, ValueError, binascii.Error):
        inline = None
    if inline is None or len(inline) != size or f"sha256:{hashlib.sha256(inline).hexdigest()}" != digest:
        raise UnsupportedManifest(reason="it carries data that differ from their digest", raw="inline data")
