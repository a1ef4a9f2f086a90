"""When workers last began a pull: for each image, and for each organization, which take turns."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("groups", "0019_open_sessions_by_digest")]

    operations = [
        migrations.AddField("image", "claimed_at", models.DateTimeField(blank=True, editable=False, null=True)),
        migrations.AddField("image", "yielded_at", models.DateTimeField(blank=True, editable=False, null=True)),
        migrations.AddField("quota", "last_claim_at", models.DateTimeField(blank=True, editable=False, null=True)),
    ]
