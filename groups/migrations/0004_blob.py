"""What is kept of a layer moves into a row of its own, which layers can share."""

import django.db.models.deletion
from django.db import migrations, models


def move_blobs(apps, schema_editor):
    """Make a blob of each object that layers are kept in. They were stored as they came."""
    Layer, Blob = apps.get_model("groups", "Layer"), apps.get_model("groups", "Blob")
    stored = Layer.objects.filter(committed_at__isnull=False, wrapped_key__isnull=False).exclude(object_name="")
    names = {}
    for layer in stored.select_related("image").order_by("pk").iterator():
        if layer.object_name not in names:
            names[layer.object_name] = Blob.objects.create(
                name=layer.object_name,
                organization_id=layer.image.organization_id,
                registry=layer.image.registry,
                source_digest=layer.digest,
                source_size=layer.size,
                media_type=layer.media_type,
                digest=layer.digest,
                size=layer.size,
                cipher_digest=layer.cipher_digest,
                hmac=layer.hmac,
                nonce=layer.nonce,
                wrapped_key=layer.wrapped_key,
                stored_at=layer.committed_at,
            ).pk
        Layer.objects.filter(pk=layer.pk).update(blob_id=names[layer.object_name])


def move_back(apps, schema_editor):
    Layer = apps.get_model("groups", "Layer")
    for layer in Layer.objects.filter(blob__isnull=False).select_related("blob").iterator():
        blob = layer.blob
        if blob.digest != layer.digest:
            raise RuntimeError("layers that were compressed here can't go back into the old columns")
        Layer.objects.filter(pk=layer.pk).update(
            object_name=blob.name,
            cipher_digest=blob.cipher_digest,
            hmac=blob.hmac,
            nonce=blob.nonce,
            wrapped_key=blob.wrapped_key,
        )


class Migration(migrations.Migration):
    dependencies = [("groups", "0003_image_check"), ("portal", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Blob",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=200, unique=True)),
                ("registry", models.CharField(max_length=255)),
                ("source_digest", models.CharField(max_length=71)),
                ("source_size", models.PositiveBigIntegerField()),
                ("media_type", models.CharField(max_length=120)),
                ("digest", models.CharField(max_length=71)),
                ("size", models.PositiveBigIntegerField()),
                ("cipher_digest", models.CharField(max_length=71)),
                ("hmac", models.BinaryField()),
                ("nonce", models.BinaryField()),
                ("wrapped_key", models.BinaryField()),
                ("stored_at", models.DateTimeField()),
                ("unused_since", models.DateTimeField(blank=True, db_index=True, null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="blobs", to="portal.organization"
                    ),
                ),
            ],
            options={
                "ordering": ["-stored_at"],
                "indexes": [
                    models.Index(fields=["organization", "source_digest"], name="groups_blob_organiz_d73e78_idx")
                ],
            },
        ),
        migrations.AddField(
            model_name="layer",
            name="blob",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="layers",
                to="groups.blob",
            ),
        ),
        migrations.RunPython(move_blobs, move_back),
    ]
