"""Encrypted objects in the store, shared by the layers of one organization."""

from __future__ import annotations

from django.db import models

from registries.foundation.id_fields import BlobIdField


class BlobQuerySet(models.QuerySet["Blob"]):
    """Conditions on blobs."""

    def used(self) -> BlobQuerySet:
        """Blobs that a layer uses; they count towards what an organization stores."""
        return self.filter(unused_since__isnull=True)


class Blob(models.Model):
    """One stored object: ciphertext, written once, under a name that is never reused.

    `source_digest` and `source_size` are of the layer as `registry` (`host[:port]`) serves it; `media_type`, `digest`
    and `size` are of the layer as it is stored (`groups.ingest.compress`), before encryption. The ciphertext has the
    same size; `cipher_digest` and `hmac` are of the ciphertext, encrypted with `nonce` and the key in `wrapped_key`.
    Digests are `sha256:<hex>`, sizes in bytes.
    `unused_since` is when the last layer that used it was deleted, empty while one uses it. The row is deleted before
    its object (`groups.storage.garbage`), and only while no layer points to it.
    """

    id = BlobIdField("ID", primary_key=True, auto_created=True)
    name = models.CharField(max_length=200, unique=True)
    organization = models.ForeignKey("portal.Organization", on_delete=models.CASCADE, related_name="blobs")
    registry = models.CharField(max_length=255)
    source_digest = models.CharField(max_length=71)
    source_size = models.PositiveBigIntegerField()
    media_type = models.CharField(max_length=120)
    digest = models.CharField(max_length=71)
    size = models.PositiveBigIntegerField()
    cipher_digest = models.CharField(max_length=71)
    hmac = models.BinaryField(editable=False)
    nonce = models.BinaryField(editable=False)
    wrapped_key = models.BinaryField(editable=False)
    stored_at = models.DateTimeField()
    unused_since = models.DateTimeField(null=True, blank=True, db_index=True)

    objects = BlobQuerySet.as_manager()

    class Meta:
        ordering = ["-stored_at"]
        indexes = [models.Index(fields=["organization", "source_digest"])]

    def __str__(self) -> str:
        return self.name
