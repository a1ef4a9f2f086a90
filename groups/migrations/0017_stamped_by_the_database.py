"""The database stamps these columns, by its own clock, wherever a row is added without a value."""

from django.db import migrations, models
from django.db.models.functions import Now

COLUMNS = {
    "containergroup": ["changed_at", "created_at"],
    "enrolment": ["created_at"],
    "failedattempt": ["created_at"],
    "failure": ["created_at"],
    "image": ["created_at"],
    "imagecheck": ["created_at"],
    "instance": ["changed_at", "created_at"],
    "layerdelivery": ["first_at", "last_at"],
    "node": ["enrolled_at"],
    "nodemanifest": ["created_at"],
    "nodetoken": ["issued_at"],
    "occurrence": ["created_at"],
    "pullstep": ["started_at"],
    "redemption": ["created_at"],
}


class Migration(migrations.Migration):
    dependencies = [("groups", "0016_plain_names")]

    operations = [
        migrations.AlterField(model, column, models.DateTimeField(db_default=Now(), editable=False))
        for model, columns in COLUMNS.items()
        for column in columns
    ]
