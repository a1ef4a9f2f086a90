"""The activity's old columns go, and from now on the database refuses to change or delete a row of it."""

import django.db.models.deletion
from django.db import migrations, models

REFUSAL = "the activity is append-only"
SQLITE = {
    "activity_no_update": "BEFORE UPDATE ON portal_activity",
    "activity_no_delete": "BEFORE DELETE ON portal_activity",
    "activity_no_replace": (
        "BEFORE INSERT ON portal_activity WHEN EXISTS (SELECT 1 FROM portal_activity WHERE id = NEW.id"
        " OR (organization_id IS NEW.organization_id AND number = NEW.number))"
    ),
    "activity_text_no_update": "BEFORE UPDATE ON portal_activitytext",
    "activity_text_no_replace": (
        "BEFORE INSERT ON portal_activitytext WHEN EXISTS"
        " (SELECT 1 FROM portal_activitytext WHERE activity_id = NEW.activity_id)"
    ),
    "activity_head_no_delete": "BEFORE DELETE ON portal_activityhead",
    "activity_head_only_forward": "BEFORE UPDATE ON portal_activityhead WHEN NEW.number <= OLD.number",
    "activity_head_no_replace": (
        "BEFORE INSERT ON portal_activityhead WHEN EXISTS (SELECT 1 FROM portal_activityhead WHERE chain = NEW.chain)"
    ),
}
POSTGRESQL = {
    "activity_no_change": ("portal_activity", "BEFORE UPDATE OR DELETE", "FOR EACH ROW"),
    "activity_no_truncate": ("portal_activity", "BEFORE TRUNCATE", "FOR EACH STATEMENT"),
    "activity_text_no_update": ("portal_activitytext", "BEFORE UPDATE", "FOR EACH ROW"),
    "activity_text_no_truncate": ("portal_activitytext", "BEFORE TRUNCATE", "FOR EACH STATEMENT"),
    "activity_head_no_delete": ("portal_activityhead", "BEFORE DELETE", "FOR EACH ROW"),
    "activity_head_no_truncate": ("portal_activityhead", "BEFORE TRUNCATE", "FOR EACH STATEMENT"),
    "activity_head_only_forward": (
        "portal_activityhead",
        "BEFORE UPDATE",
        "FOR EACH ROW WHEN (NEW.number <= OLD.number)",
    ),
}


def refuse_changes(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "CREATE FUNCTION portal_activity_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$"
        )
        for name, (table, event, rest) in POSTGRESQL.items():
            schema_editor.execute(
                f"CREATE TRIGGER {name} {event} ON {table} {rest} EXECUTE FUNCTION portal_activity_refuse()"
            )
            schema_editor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
    else:
        for name, when in SQLITE.items():
            schema_editor.execute(f"CREATE TRIGGER {name} {when} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END")


def allow_changes(apps, schema_editor):
    """Before the schema of 0011 comes back, in which every row has an organization."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION portal_activity_refuse() CASCADE")
    else:
        for name in SQLITE:
            schema_editor.execute(f"DROP TRIGGER {name}")
    Activity = apps.get_model("portal", "Activity")
    of_the_portal = list(Activity.objects.filter(organization=None).values_list("pk", flat=True))
    apps.get_model("portal", "ActivityText").objects.filter(pk__in=of_the_portal).delete()
    Activity.objects.filter(organization=None).delete()
    apps.get_model("portal", "ActivityHead").objects.filter(chain="portal").delete()


class Migration(migrations.Migration):
    dependencies = [("portal", "0011_activity_chained")]

    operations = [
        migrations.RemoveField("activity", "actor"),
        migrations.RemoveField("activity", "actor_name"),
        migrations.RemoveField("activity", "target"),
        migrations.RemoveField("activity", "address"),
        migrations.RemoveField("activity", "detail"),
        migrations.AlterField("activity", "number", models.PositiveBigIntegerField()),
        migrations.AlterField("activity", "action", models.CharField(max_length=40)),
        migrations.AlterField("activity", "actor_kind", models.CharField(max_length=10)),
        migrations.AlterField("activity", "actor_key", models.CharField(blank=True, max_length=40)),
        migrations.AlterField("activity", "target_kind", models.CharField(blank=True, max_length=20)),
        migrations.AlterField("activity", "target_key", models.CharField(blank=True, max_length=40)),
        migrations.AlterField("activity", "request_id", models.CharField(blank=True, max_length=32)),
        migrations.AlterField("activity", "digest", models.CharField(max_length=64)),
        migrations.AlterField("activity", "previous", models.CharField(blank=True, max_length=64)),
        migrations.AlterField("activity", "hash", models.CharField(max_length=64)),
        migrations.AlterField(
            "activity",
            "organization",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                db_constraint=False,
                db_index=False,
                related_name="activities",
                to="portal.organization",
            ),
        ),
        migrations.AlterModelOptions("activity", {"ordering": ["-id"], "verbose_name_plural": "activities"}),
        migrations.AddIndex(
            "activity", models.Index(fields=["organization", "action", "number"], name="activity_by_action")
        ),
        migrations.AddConstraint(
            "activity", models.UniqueConstraint(fields=("organization", "number"), name="activity_number")
        ),
        migrations.AddConstraint(
            "activity",
            models.UniqueConstraint(
                condition=models.Q(("organization__isnull", True)), fields=("number",), name="activity_number_of_portal"
            ),
        ),
        migrations.RunPython(refuse_changes, allow_changes),
    ]
