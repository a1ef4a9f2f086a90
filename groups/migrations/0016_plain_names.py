"""Other names for five fields, whose columns keep theirs: the database doesn't change."""

import django.db.models.deletion
from django.db import migrations, models

FAN_OUT_INDEX = "groups_occu_told_at_efa4c0_idx"


def renamed(model, old, new, field):
    """Name the field's column explicitly, then rename the field."""
    return [migrations.AlterField(model, old, field), migrations.RenameField(model, old, new)]


class Migration(migrations.Migration):
    dependencies = [("groups", "0015_quota")]

    operations = [
        *renamed(
            "containergroup",
            "ended_well",
            "succeeded_replicas",
            models.PositiveIntegerField(default=0, editable=False, db_column="ended_well"),
        ),
        *renamed(
            "containergroup",
            "ended_badly",
            "failed_replicas",
            models.PositiveIntegerField(default=0, editable=False, db_column="ended_badly"),
        ),
        *renamed(
            "instance",
            "avoids",
            "excluded_node",
            models.ForeignKey(
                "groups.node",
                null=True,
                blank=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                db_column="avoids_id",
            ),
        ),
        *renamed(
            "instance",
            "avoids_until",
            "excluded_until",
            models.DateTimeField(null=True, blank=True, db_column="avoids_until"),
        ),
        # The index is of columns, so it stays; only the migrations' own record of it names the field.
        migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveIndex("occurrence", FAN_OUT_INDEX)]),
        *renamed(
            "occurrence",
            "told_at",
            "fanned_out_at",
            models.DateTimeField(null=True, blank=True, db_column="told_at"),
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddIndex(
                    "occurrence", models.Index(fields=["fanned_out_at", "created_at"], name=FAN_OUT_INDEX)
                )
            ]
        ),
    ]
