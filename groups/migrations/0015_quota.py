"""Limits and suspension move from the organization to its quota: here with their values, from there afterwards."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

COLUMNS = (
    "max_groups",
    "max_replicas",
    "max_stored_bytes",
    "max_pulls",
    "max_image_bytes",
    "suspended_at",
    "suspended_because",
)
BATCH = 500


def move_to_quotas(apps, schema_editor):
    """Give each organization its quota."""
    Organization, Quota = apps.get_model("portal", "Organization"), apps.get_model("groups", "Quota")
    quotas = []
    for pk, *values in Organization.objects.order_by("pk").values_list("pk", *COLUMNS).iterator(BATCH):
        quotas.append(Quota(organization_id=pk, **dict(zip(COLUMNS, values))))
    Quota.objects.bulk_create(quotas, batch_size=BATCH)


def move_to_organizations(apps, schema_editor):
    """Write the values of each quota back to its organization."""
    Organization, Quota = apps.get_model("portal", "Organization"), apps.get_model("groups", "Quota")
    for pk, *values in Quota.objects.order_by("pk").values_list("pk", *COLUMNS).iterator(BATCH):
        Organization.objects.filter(pk=pk).update(**dict(zip(COLUMNS, values)))


class Migration(migrations.Migration):
    dependencies = [
        ("groups", "0014_failure_without_case"),
        ("portal", "0013_failure_case"),
    ]

    operations = [
        migrations.CreateModel(
            name="Quota",
            fields=[
                (
                    "organization",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="quota",
                        serialize=False,
                        to="portal.organization",
                    ),
                ),
                ("max_groups", models.PositiveIntegerField(blank=True, null=True)),
                ("max_replicas", models.PositiveIntegerField(blank=True, null=True)),
                ("max_stored_bytes", models.PositiveBigIntegerField(blank=True, null=True)),
                (
                    "max_pulls",
                    models.PositiveIntegerField(
                        blank=True, null=True, validators=[django.core.validators.MinValueValidator(1)]
                    ),
                ),
                ("max_image_bytes", models.PositiveBigIntegerField(blank=True, null=True)),
                ("suspended_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("suspended_because", models.CharField(blank=True, editable=False, max_length=300)),
            ],
        ),
        migrations.RunPython(move_to_quotas, move_to_organizations),
    ]
