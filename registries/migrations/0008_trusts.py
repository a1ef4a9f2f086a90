"""Trusts, and the uses of each."""

import django.db.models.functions.datetime
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0043_sso_opened_mark"),
        ("registries", "0007_entered_mark"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Trust",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=63)),
                ("provider", models.CharField(max_length=20, verbose_name="registry")),
                ("host", models.CharField(max_length=255)),
                ("settings", models.JSONField(blank=True, default=dict)),
                ("mark", models.CharField(editable=False, max_length=64)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("removed_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="trusts", to="portal.organization"
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="portal.project",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at"],
            },
        ),
        migrations.CreateModel(
            name="TrustUse",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("pull", models.CharField(max_length=64)),
                ("image_id", models.UUIDField(blank=True, null=True)),
                ("check_id", models.UUIDField(blank=True, null=True)),
                ("group_name", models.CharField(blank=True, max_length=63, verbose_name="container group")),
                ("reference", models.CharField(max_length=512, verbose_name="image")),
                ("issuer", models.CharField(max_length=500)),
                ("subject", models.CharField(max_length=500)),
                ("audience", models.CharField(max_length=500)),
                ("jti", models.CharField(max_length=64, verbose_name="token id")),
                (
                    "issued_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False),
                ),
                ("outcome", models.CharField(blank=True, max_length=40)),
                ("settled_at", models.DateTimeField(blank=True, null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="portal.organization"
                    ),
                ),
                (
                    "trust",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="uses", to="registries.trust"
                    ),
                ),
            ],
            options={
                "ordering": ["-issued_at"],
            },
        ),
        migrations.AddIndex(
            model_name="trust",
            index=models.Index(fields=["organization", "host"], name="registries__organiz_16895a_idx"),
        ),
        migrations.AddConstraint(
            model_name="trust",
            constraint=models.UniqueConstraint(
                condition=models.Q(("project__isnull", True), ("removed_at__isnull", True)),
                fields=("organization", "host"),
                name="trust_once_for_host",
            ),
        ),
        migrations.AddConstraint(
            model_name="trust",
            constraint=models.UniqueConstraint(
                condition=models.Q(("project__isnull", False), ("removed_at__isnull", True)),
                fields=("project", "host"),
                name="trust_once_for_project",
            ),
        ),
        migrations.AddIndex(
            model_name="trustuse",
            index=models.Index(fields=["trust", "-issued_at"], name="registries__trust_i_094496_idx"),
        ),
        migrations.AddIndex(
            model_name="trustuse",
            index=models.Index(fields=["image_id", "-issued_at"], name="registries__image_i_4c1bbe_idx"),
        ),
    ]
