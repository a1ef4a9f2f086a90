"""Hosts that have spoken TLS, to which nothing is sent unencrypted."""

from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies = [("registries", "0004_sealed_destination")]

    operations = [
        migrations.CreateModel(
            name="TlsHost",
            fields=[
                ("host", models.CharField(max_length=260, primary_key=True, serialize=False)),
                ("since", models.DateTimeField(db_default=Now(), editable=False)),
            ],
            options={"ordering": ["host"], "verbose_name": "host with TLS", "verbose_name_plural": "hosts with TLS"},
        ),
    ]
