"""Reuses layers that the organization has already, instead of pulling them again.

Only layers that came from the same registry, and only after that registry has confirmed that this pull's own
credentials may read the layer in this repository: a pull never gets a layer that it could not have pulled. Never across
organizations, where the time it takes would reveal which layers others have.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor

import structlog

from groups.ingest import fenced_writes
from groups.ingest.claim import Claim
from groups.ingest.compress import MEDIA_TYPE
from groups.models import Blob
from groups.storage import store
from registries.failures import PullFailed
from registries.oci.blob_types import compression_of
from registries.oci.client import RegistryClient
from registries.oci.manifest import Descriptor

MAX_REQUESTS_AT_ONCE = 8

log = structlog.get_logger(__name__)


def reuse_layers(
    claim: Claim,
    client: RegistryClient,
    repository: str,
    layers: Iterable[Descriptor],
    uncompressed: Collection[str] = (),
) -> set[str]:
    """Commit the layers that are stored already and that the registry lets this pull read; return their digests.
    `uncompressed` are those of uncompressed layers. Raises Stale."""
    stored = _stored(claim, layers, uncompressed)
    if not stored:
        return set()

    def confirmed(candidate: tuple[Descriptor, Blob]) -> bool:
        layer, blob = candidate
        try:
            claim.check()
            return store.size(blob.name) == blob.size and client.has_blob(repository, layer)
        except PullFailed:
            return False  # a failure of the store too; the pull of the layer then fails with its reason

    with ThreadPoolExecutor(min(MAX_REQUESTS_AT_ONCE, len(stored)), thread_name_prefix="reuse") as pool:
        try:
            confirmations = list(pool.map(confirmed, stored))
        except BaseException:
            client.abort()  # else the pool waits for responses
            raise
    reused = set()
    for (layer, blob), is_confirmed in zip(stored, confirmations, strict=True):
        if is_confirmed and fenced_writes.reuse_blob(claim, layer, blob):
            reused.add(layer.digest)
    return reused


def _stored(claim: Claim, layers: Iterable[Descriptor], uncompressed: Collection[str]) -> list[tuple[Descriptor, Blob]]:
    """The layers that the organization has as a blob from this registry, each with the newest blob."""
    image, wanted = claim.image, {layer.digest: layer for layer in layers}
    blobs = Blob.objects.filter(
        organization_id=image.organization_id, registry=image.registry, source_digest__in=list(wanted)
    )
    newest = {blob.source_digest: blob for blob in blobs.order_by("stored_at", "pk")}
    return [
        (wanted[digest], blob)
        for digest, blob in newest.items()
        if is_same_layer(wanted[digest], blob, is_uncompressed=digest in uncompressed)
    ]


def is_same_layer(layer: Descriptor, blob: Blob, *, is_uncompressed: bool) -> bool:
    """Whether the blob is what a pull of this layer would store.

    One that was compressed here is that of an uncompressed layer. Another one is called what it is. It is used unless
    the manifest calls it something else, because earlier versions stored a blob under the name in its manifest.
    """
    if layer.size != blob.source_size:
        return False
    if is_uncompressed or blob.digest != blob.source_digest:
        return is_uncompressed and blob.digest != blob.source_digest and blob.media_type == MEDIA_TYPE
    kept, said = compression_of(blob.media_type), compression_of(layer.media_type)
    return bool(kept) and said in {kept, ""}
