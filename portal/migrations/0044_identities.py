"""Organizations and projects have a uuid that never changes. `manage.py prepare` marks those that exist."""

import uuid

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_MODELS = ("organization", "project")
_BATCH = 1000


def _give_uuids(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for name in _MODELS:
        table = apps.get_model("portal", name)
        keys = list(table.objects.filter(uuid__isnull=True).values_list("pk", flat=True))
        for start in range(0, len(keys), _BATCH):
            rows = [table(pk=key, uuid=uuid.uuid4()) for key in keys[start : start + _BATCH]]
            table.objects.bulk_update(rows, ["uuid"])


class Migration(migrations.Migration):
    dependencies = [("portal", "0043_sso_opened_mark")]

    operations = [
        *(
            operation
            for name in _MODELS
            for operation in (
                migrations.AddField(
                    model_name=name,
                    name="identity_mark",
                    field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=64),
                ),
                migrations.AddField(
                    model_name=name,
                    name="uuid",
                    field=models.UUIDField(default=None, editable=False, null=True, verbose_name="UUID"),
                ),
            )
        ),
        migrations.RunPython(_give_uuids, migrations.RunPython.noop),
        *(
            migrations.AlterField(
                model_name=name,
                name="uuid",
                field=models.UUIDField(default=uuid.uuid4, editable=False, unique=True, verbose_name="UUID"),
            )
            for name in _MODELS
        ),
    ]
