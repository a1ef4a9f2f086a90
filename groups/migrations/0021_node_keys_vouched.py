"""What proves a node's key to the worker zone, and the worker zone's voucher for it."""

from django.db import migrations, models
from django.db.models import JSONField, Value


class Migration(migrations.Migration):
    dependencies = [("groups", "0020_turns_of_organizations")]

    operations = [
        migrations.AddField(
            "node", "call_mark", models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
        ),
        migrations.AddField(
            "node", "key_proof", models.TextField(blank=True, default="", db_default="", editable=False)
        ),
        migrations.AddField(
            "node", "voucher", models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
        ),
        migrations.AddField(
            "node",
            "key_history",
            models.JSONField(blank=True, default=list, db_default=Value([], JSONField()), editable=False),
        ),
        migrations.AddField(
            "node", "key_refused", models.CharField(max_length=100, blank=True, default="", db_default="")
        ),
        migrations.AddField(
            "enrolment", "nonce", models.CharField(max_length=32, blank=True, default="", db_default="", editable=False)
        ),
        migrations.AddField(
            "enrolment",
            "authority",
            models.CharField(max_length=6, blank=True, default="", db_default="", editable=False),
        ),
    ]
