"""The rows that a pull fills: the image's manifest and config, and its layers one by one. All behind the fence."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models.functions import Now

from groups import at_rest
from groups.ingest import keys
from groups.ingest.claim import Claim
from groups.ingest.encrypt import Sealed
from groups.models import Image, Layer
from registries.oci.config import Config
from registries.oci.manifest import Manifest

LONGEST_LINE = 500


def write_manifest(claim: Claim, manifest: Manifest, raw_config: bytes, config: Config) -> None:
    """Pin the manifest and make a row for each layer. A later attempt finds the rows and leaves them."""
    with claim.fenced() as image:
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
                    created_by=line[:LONGEST_LINE],
                )
                for position, (layer, line) in enumerate(zip(manifest.layers, config.created_by, strict=True))
            )


def committed(claim: Claim) -> dict[str, str]:
    """Return the digests that earlier attempts have stored, with their blobs' names."""
    rows = Layer.objects.filter(image_id=claim.image.pk, committed_at__isnull=False)
    return dict(rows.values_list("digest", "object_name"))


def write_progress(claim: Claim, received: Mapping[str, int]) -> None:
    """Tell how many bytes of each layer, by digest, have come. Raises Stale, also where there is nothing to tell."""
    with claim.fenced() as image:
        for digest, count in received.items():
            image.layers.filter(digest=digest, committed_at__isnull=True).update(received=count)


def commit_layer(claim: Claim, digest: str, sealed: Sealed, name: str) -> None:
    """Write that the layer is stored under `name`, wherever in the image it stands."""
    wrapped = keys.wrap(sealed.key, organization_id=claim.image.organization_id, digest=digest)
    with claim.fenced() as image:
        for layer in image.layers.filter(digest=digest)[:1]:
            image.layers.filter(digest=digest).update(
                received=layer.size,
                committed_at=Now(),
                cipher_digest=sealed.digest,
                hmac=sealed.hmac,
                nonce=sealed.nonce,
                wrapped_key=wrapped,
                object_name=name,
            )


def forget_layer(claim: Claim, digest: str) -> None:
    """Write that the layer's blob is not there after all; the next attempt pulls it again."""
    with claim.fenced() as image:
        image.layers.filter(digest=digest).update(received=0, committed_at=None, object_name="", wrapped_key=None)


def referenced(names: set[str]) -> set[str]:
    """Return those of these blobs that a layer is kept in."""
    return set(Layer.objects.filter(object_name__in=names).values_list("object_name", flat=True))
