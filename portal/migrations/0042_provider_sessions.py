from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("portal", "0041_limit_of_visitors")]

    operations = [
        migrations.RemoveField(model_name="linkedidentity", name="sids"),
        migrations.CreateModel(
            name="ProviderSession",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("sid_hash", models.CharField(db_index=True, editable=False, max_length=64)),
                (
                    "identity",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="portal.linkedidentity"
                    ),
                ),
            ],
        ),
    ]
