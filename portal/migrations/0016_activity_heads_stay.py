"""The database also refuses to give a head to another chain, and to replace a head or a text by its hidden key."""

from django.db import migrations

REFUSAL = "the activity is append-only"
FORWARD = "activity_head_only_forward"
SQLITE = {
    "activity_text_no_replace": (
        "BEFORE INSERT ON portal_activitytext WHEN EXISTS"
        " (SELECT 1 FROM portal_activitytext WHERE activity_id = NEW.activity_id OR rowid = NEW.rowid)"
    ),
    FORWARD: (
        "BEFORE UPDATE ON portal_activityhead"
        " WHEN NEW.number <= OLD.number OR NEW.chain <> OLD.chain OR NEW.rowid <> OLD.rowid"
    ),
    "activity_head_no_replace": (
        "BEFORE INSERT ON portal_activityhead WHEN EXISTS"
        " (SELECT 1 FROM portal_activityhead WHERE chain = NEW.chain OR rowid = NEW.rowid)"
    ),
}
SQLITE_BEFORE = {
    "activity_text_no_replace": (
        "BEFORE INSERT ON portal_activitytext WHEN EXISTS"
        " (SELECT 1 FROM portal_activitytext WHERE activity_id = NEW.activity_id)"
    ),
    FORWARD: "BEFORE UPDATE ON portal_activityhead WHEN NEW.number <= OLD.number",
    "activity_head_no_replace": (
        "BEFORE INSERT ON portal_activityhead WHEN EXISTS (SELECT 1 FROM portal_activityhead WHERE chain = NEW.chain)"
    ),
}


def refuse_more(apps, schema_editor):
    _create_again(schema_editor, SQLITE, "NEW.number <= OLD.number OR NEW.chain <> OLD.chain")


def refuse_less(apps, schema_editor):
    _create_again(schema_editor, SQLITE_BEFORE, "NEW.number <= OLD.number")


def _create_again(schema_editor, on_sqlite, backward):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP TRIGGER {FORWARD} ON portal_activityhead")
        schema_editor.execute(
            f"CREATE TRIGGER {FORWARD} BEFORE UPDATE ON portal_activityhead FOR EACH ROW"
            f" WHEN ({backward}) EXECUTE FUNCTION portal_activity_refuse()"
        )
        schema_editor.execute(f"ALTER TABLE portal_activityhead ENABLE ALWAYS TRIGGER {FORWARD}")
        return
    for name, when in on_sqlite.items():
        schema_editor.execute(f"DROP TRIGGER {name}")
        schema_editor.execute(f"CREATE TRIGGER {name} {when} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END")


class Migration(migrations.Migration):
    dependencies = [("portal", "0015_refused_sign_in")]

    operations = [migrations.RunPython(refuse_more, refuse_less)]
