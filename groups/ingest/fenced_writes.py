"""The rows that a pull fills: the image's manifest and config, and its layers one by one. All behind the fence."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from groups.ingest.claim import Claim
from groups.ingest.layer_reader import Kept
from groups.models import Blob, Image, Layer
from groups.rules import quotas
from groups.storage import garbage
from registries.oci.config import Config
from registries.oci.manifest import Descriptor, Manifest
from registries.secrets import at_rest, layer_keys

MAX_LINE_LENGTH = 500


def write_manifest(claim: Claim, manifest: Manifest, raw_config: bytes, config: Config) -> None:
    """Pin the manifest and make a row for each layer. A later attempt finds the rows and leaves them.

    The rows reserve what the layers will take; raises StorageQuotaReached where the organization has no room."""
    quota = quotas.quota_of(claim.image.organization)
    with transaction.atomic():
        if quota.max_stored_bytes is not None:  # counted, so it is locked, before the image
            quota = quotas.lock_organization(quota.organization_id)
        with claim.fenced() as image:
            quotas.allow_storing(quota, manifest, excluding=image)
            _pin(image, manifest, raw_config, config)


def _pin(image: Image, manifest: Manifest, raw_config: bytes, config: Config) -> None:
    Image.objects.filter(pk=image.pk).update(
        digest=manifest.digest,
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


def committed(claim: Claim) -> dict[str, Blob]:
    """Return the digests that are stored already, with the blobs that they are kept in."""
    rows = Layer.objects.filter(image_id=claim.image.pk, committed_at__isnull=False).select_related("blob")
    return {layer.digest: layer.blob for layer in rows if layer.blob is not None}


def write_progress(claim: Claim, received: Mapping[str, int]) -> None:
    """Tell how many bytes of each layer, by digest, have come. Raises Stale, also where there is nothing to tell."""
    with claim.fenced() as image:
        for digest, count in received.items():
            image.layers.filter(digest=digest, committed_at__isnull=True).update(received=count)


def commit_layer(claim: Claim, layer: Descriptor, kept: Kept, name: str) -> None:
    """Write that the layer is stored under `name`, wherever in the image it stands."""
    sealed = kept.sealed
    wrapped = layer_keys.wrap(sealed.key, organization_id=claim.image.organization_id, digest=kept.digest)
    with claim.fenced() as image:
        blob = Blob.objects.create(
            name=name,
            organization_id=image.organization_id,
            registry=image.registry,
            source_digest=layer.digest,
            source_size=layer.size,
            media_type=kept.media_type,
            digest=kept.digest,
            size=kept.size,
            cipher_digest=sealed.digest,
            hmac=sealed.hmac,
            nonce=sealed.nonce,
            wrapped_key=wrapped,
            stored_at=Now(),
        )
        _point(image, layer.digest, blob.pk)


def take_up(claim: Claim, layer: Descriptor, blob: Blob) -> bool:
    """Have the layer kept in a blob that is there already. Returns False where it is not any more."""
    with claim.fenced() as image:
        # The update waits for a collection that holds the row, and finds nothing where that took it.
        if not Blob.objects.filter(pk=blob.pk, organization_id=image.organization_id).update(unused_since=None):
            return False
        _point(image, layer.digest, blob.pk)
    return True


def forget_layer(claim: Claim, digest: str) -> None:
    """Write that the layer's blob is not there after all; the next attempt pulls it again."""
    with claim.fenced() as image:
        layers = image.layers.filter(digest=digest)
        blobs = list(layers.exclude(blob=None).values_list("blob_id", flat=True))
        layers.update(received=0, committed_at=None, blob=None)
        garbage.mark_unused(blobs)


def _point(image: Image, digest: str, blob_id: int) -> None:
    """Have every layer of that digest kept in this blob."""
    image.layers.filter(digest=digest).update(received=F("size"), committed_at=Now(), blob_id=blob_id)
