"""The worker zone's signature of a manifest. Those without one are made again when a node needs them."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("groups", "0021_node_keys_vouched")]

    operations = [
        migrations.AddField(
            "nodemanifest",
            "signature",
            models.CharField(max_length=128, blank=True, default="", db_default="", editable=False),
        ),
    ]
