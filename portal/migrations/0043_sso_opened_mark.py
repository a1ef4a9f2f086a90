from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("portal", "0042_provider_sessions")]

    operations = [
        migrations.AddField(
            model_name="organization",
            name="sso_opened_mark",
            field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=64),
        ),
    ]
