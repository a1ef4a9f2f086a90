"""The columns go that `groups.Blob` took over; apart from the move, because PostgreSQL alters no table in the
transaction that filled it."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("groups", "0004_blob")]

    operations = [
        migrations.RemoveField(model_name="layer", name=name)
        for name in ("cipher_digest", "hmac", "nonce", "object_name", "wrapped_key")
    ]
