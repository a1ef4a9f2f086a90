"""The mark of what was entered with a credential and is not secret."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registries", "0006_sign_in_host")]

    operations = [
        migrations.AddField(
            model_name="credential",
            name="entered_mark",
            field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=64),
        ),
    ]
