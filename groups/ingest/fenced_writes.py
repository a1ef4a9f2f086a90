"""What a pull writes behind its claim's fence: the image's manifest and config, and its layers one by one."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from groups.ingest.claim import Claim
from groups.ingest.layer_reader import StoredLayer
from groups.models import Blob, Image, Layer
from groups.rules import quotas
from groups.storage import garbage
from registries.foundation.ids import BlobId
from registries.oci.config import Config
from registries.oci.manifest import Descriptor, Manifest
from registries.secrets import at_rest, layer_keys

MAX_LINE_LENGTH = 500


def write_manifest(claim: Claim, manifest: Manifest, raw_config: bytes, config: Config) -> None:
    """Pin the manifest and its platform, that of `config`, and create a row for each layer. A later attempt finds the
    rows and keeps them.

    The rows reserve the storage that the layers will take. Raises StorageQuotaReached where the organization has no
    room, Stale where the claim is lost.
    """
    quota = quotas.quota_of(claim.image.organization)
    with transaction.atomic():
        if quota.max_stored_bytes is not None:  # stored bytes are counted, so lock the organization before the image
            quota = quotas.lock_organization(quota.organization_id)
        with claim.fenced() as image:
            quotas.allow_storing(quota, manifest, excluding=image)
            _pin(image, manifest, raw_config, config)


def _pin(image: Image, manifest: Manifest, raw_config: bytes, config: Config) -> None:
    Image.objects.filter(pk=image.pk).update(
        digest=manifest.digest,
        platform=str(config.platform),
        config_digest=manifest.config.digest,
        config_size=manifest.config.size,
        config=at_rest.encrypt(raw_config, bound_to=f"image config {image.pk}"),
        total_bytes=manifest.declared_bytes,
    )
    if image.digest != manifest.digest:
        image.layers.all().delete()
        Layer.objects.bulk_create(
            Layer(
                image=image,
                position=position,
                media_type=layer.media_type,
                digest=layer.digest,
                size=layer.size,
                created_by=line[:MAX_LINE_LENGTH],
            )
            for position, (layer, line) in enumerate(zip(manifest.layers, config.created_by, strict=True))
        )


def committed_blobs(claim: Claim) -> dict[str, Blob]:
    """Return the blobs of the layers that are committed already, by the layers' digests."""
    rows = Layer.objects.filter(image_id=claim.image.pk, committed_at__isnull=False).select_related("blob")
    return {layer.digest: layer.blob for layer in rows if layer.blob is not None}


def write_progress(claim: Claim, received: Mapping[str, int]) -> None:
    """Write how many bytes of each layer, by digest, have arrived. Raises Stale, also where `received` is empty."""
    with claim.fenced() as image:
        for digest, count in received.items():
            image.layers.filter(digest=digest, committed_at__isnull=True).update(received=count)


def commit_layer(claim: Claim, layer: Descriptor, stored: StoredLayer, name: str) -> None:
    """Write that the layer is stored under `name`, at every position it has in the image. Raises Stale."""
    encryption = stored.encryption
    wrapped = layer_keys.wrap(encryption.key, organization_id=claim.image.organization_id, digest=stored.digest)
    with claim.fenced() as image:
        blob = Blob.objects.create(
            name=name,
            organization_id=image.organization_id,
            registry=image.registry,
            source_digest=layer.digest,
            source_size=layer.size,
            media_type=stored.media_type,
            digest=stored.digest,
            size=stored.size,
            cipher_digest=encryption.digest,
            hmac=encryption.hmac,
            nonce=encryption.nonce,
            wrapped_key=wrapped,
            stored_at=Now(),
        )
        _set_blob(image, layer.digest, blob.pk)


def reuse_blob(claim: Claim, layer: Descriptor, blob: Blob) -> bool:
    """Point the layer to a blob that is stored already. Returns False where that blob is gone. Raises Stale."""
    with claim.fenced() as image:
        # The update waits for a collection that has locked the row, and matches nothing if the row was deleted.
        if not Blob.objects.filter(pk=blob.pk, organization_id=image.organization_id).update(unused_since=None):
            return False
        _set_blob(image, layer.digest, blob.pk)
    return True


def reset_layer(claim: Claim, digest: str) -> None:
    """Write that the layer's blob is missing; the next attempt pulls it again. Raises Stale."""
    with claim.fenced() as image:
        layers = image.layers.filter(digest=digest)
        blobs = list(layers.exclude(blob=None).values_list("blob_id", flat=True))
        layers.update(received=0, committed_at=None, blob=None)
        garbage.mark_unused(blobs)


def _set_blob(image: Image, digest: str, blob_id: BlobId) -> None:
    """Point every layer of that digest to this blob."""
    image.layers.filter(digest=digest).update(received=F("size"), committed_at=Now(), blob_id=blob_id)
