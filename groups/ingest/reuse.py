"""Takes up layers that the organization has already, instead of pulling them once more.

Only what came from the same registry, and only after that registry has said that this pull's own credentials may read
the layer in this repository: whoever pulls an image gets no layer that they could not have pulled. Never across
organizations, where even the time it takes would tell what others have.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import structlog

from groups.failures import StoreFailed
from groups.ingest import fenced_writes
from groups.ingest.claim import Claim
from groups.ingest.compress import MEDIA_TYPE, UNCOMPRESSED
from groups.models import Blob
from groups.storage import store
from registries.failures import PullFailed
from registries.oci.client import RegistryClient
from registries.oci.manifest import Descriptor

ASK_AT_ONCE = 8

log = structlog.get_logger(__name__)


def take_up(claim: Claim, client: RegistryClient, repository: str, layers: Iterable[Descriptor]) -> set[str]:
    """Commit those of these layers that are here already and that the registry lets this pull read; return their
    digests. Raises Stale."""
    here = _here(claim, layers)
    if not here:
        return set()

    def confirmed(found: tuple[Descriptor, Blob]) -> bool:
        layer, blob = found
        try:
            claim.check()
            return store.size(blob.name) == blob.size and client.has_blob(repository, layer)
        except (PullFailed, StoreFailed):
            return False  # pulling it will tell what is the matter

    with ThreadPoolExecutor(min(ASK_AT_ONCE, len(here)), thread_name_prefix="reuse") as pool:
        try:
            answers = list(pool.map(confirmed, here))
        except BaseException:
            client.abort()  # else the pool waits for their answers
            raise
    taken = set()
    for (layer, blob), yes in zip(here, answers, strict=True):
        if yes and fenced_writes.take_up(claim, layer, blob):
            taken.add(layer.digest)
    return taken


def _here(claim: Claim, layers: Iterable[Descriptor]) -> list[tuple[Descriptor, Blob]]:
    """The layers of which the organization has a blob from this registry, each with the newest one."""
    image, wanted = claim.image, {layer.digest: layer for layer in layers}
    blobs = Blob.objects.filter(
        organization_id=image.organization_id, registry=image.registry, source_digest__in=list(wanted)
    )
    newest = {blob.source_digest: blob for blob in blobs.order_by("stored_at", "pk")}
    return [(wanted[digest], blob) for digest, blob in newest.items() if _is_of(wanted[digest], blob)]


def _is_of(layer: Descriptor, blob: Blob) -> bool:
    """Whether the blob is this very layer, also by what the manifest calls it."""
    if layer.size != blob.source_size:
        return False
    if blob.digest != blob.source_digest:
        return layer.media_type in UNCOMPRESSED and blob.media_type == MEDIA_TYPE
    return layer.media_type.rpartition("tar")[2].strip(".+") == blob.media_type.rpartition("tar")[2].strip(".+")
