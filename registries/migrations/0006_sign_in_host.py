"""The host at which a credential's registry signs in, where a member confirmed it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registries", "0005_tls_host")]

    operations = [
        migrations.AddField(
            model_name="credential",
            name="sign_in_host",
            field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=260),
        ),
        migrations.AddField(
            model_name="credential",
            name="sign_in_mark",
            field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=64),
        ),
    ]
