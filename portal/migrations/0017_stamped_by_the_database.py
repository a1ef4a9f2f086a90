"""The database stamps these columns, by its own clock, wherever a row is added without a value."""

from django.db import migrations, models
from django.db.models.functions import Now

COLUMNS = {
    "apikey": ["created_at"],
    "invitation": ["created_at"],
    "membership": ["created_at"],
    "notice": ["created_at"],
    "organization": ["created_at"],
    "project": ["created_at"],
    "refusedsignin": ["created_at"],
    "supportlook": ["first_at", "last_at"],
    "supportmessage": ["created_at"],
    "supportrequest": ["asked_at", "created_at"],
    "webhook": ["created_at"],
}
LABELS = {"asked_at": "a member wrote last"}


class Migration(migrations.Migration):
    dependencies = [("portal", "0016_activity_heads_stay")]

    operations = [
        migrations.AlterField(model, column, models.DateTimeField(LABELS.get(column), db_default=Now(), editable=False))
        for model, columns in COLUMNS.items()
        for column in columns
    ]
