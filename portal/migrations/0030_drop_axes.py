"""django-axes counted failed sign-ins until now: its tables go, and that its migrations were applied. Where it was never
installed, nothing changes."""

from django.db import migrations
from django.db.migrations.recorder import MigrationRecorder

TABLES = ("axes_accessattemptexpiration", "axes_accessattempt", "axes_accessfailurelog", "axes_accesslog")


def drop(apps, schema_editor):
    quote = schema_editor.quote_name
    for table in TABLES:
        schema_editor.execute(f"DROP TABLE IF EXISTS {quote(table)}")


def forget(apps, schema_editor):
    MigrationRecorder(schema_editor.connection).migration_qs.filter(app="axes").delete()


class Migration(migrations.Migration):

    dependencies = [
        ('portal', '0029_sign_in_limits'),
    ]

    operations = [
        migrations.RunPython(forget, migrations.RunPython.noop),
        migrations.RunPython(drop, migrations.RunPython.noop),
    ]
