"""The database stamps these columns, by its own clock, wherever a row is added without a value."""

from django.db import migrations, models
from django.db.models.functions import Now

COLUMNS = {
    "credential": ["received_at"],
}


class Migration(migrations.Migration):
    dependencies = [("registries", "0002_own_authorities")]

    operations = [
        migrations.AlterField(model, column, models.DateTimeField(db_default=Now(), editable=False))
        for model, columns in COLUMNS.items()
        for column in columns
    ]
