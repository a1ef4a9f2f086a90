"""The activity gets the columns of a chain. They are filled by 0011 and fixed by 0012."""

import django.db.models.deletion
from django.db import migrations, models

TEXT = {"blank": True, "default": ""}


class Migration(migrations.Migration):
    dependencies = [("portal", "0009_one_question_one_answer_no_more")]

    operations = [
        migrations.RemoveIndex("activity", "portal_acti_organiz_df1036_idx"),
        migrations.RemoveIndex("activity", "portal_acti_organiz_2c38ae_idx"),
        migrations.RenameField("activity", "verb", "action"),
        migrations.AddField("activity", "number", models.PositiveBigIntegerField(null=True)),
        migrations.AddField("activity", "actor_kind", models.CharField(max_length=10, **TEXT)),
        migrations.AddField("activity", "actor_key", models.CharField(max_length=40, **TEXT)),
        migrations.AddField("activity", "target_kind", models.CharField(max_length=20, **TEXT)),
        migrations.AddField("activity", "target_key", models.CharField(max_length=40, **TEXT)),
        migrations.AddField("activity", "request_id", models.CharField(max_length=32, **TEXT)),
        migrations.AddField("activity", "digest", models.CharField(max_length=64, **TEXT)),
        migrations.AddField("activity", "previous", models.CharField(max_length=64, **TEXT)),
        migrations.AddField("activity", "hash", models.CharField(max_length=64, **TEXT)),
        migrations.AlterField("activity", "created_at", models.DateTimeField()),
        migrations.AlterField("activity", "actor_name", models.CharField(max_length=254, **TEXT)),
        migrations.CreateModel(
            name="ActivityText",
            fields=[
                (
                    "activity",
                    models.OneToOneField(
                        primary_key=True,
                        serialize=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        db_constraint=False,
                        related_name="text",
                        to="portal.activity",
                    ),
                ),
                ("salt", models.CharField(max_length=32)),
                ("actor_name", models.CharField(blank=True, max_length=254)),
                ("client_address", models.CharField(blank=True, max_length=45)),
                ("target_name", models.CharField(blank=True, max_length=254)),
                ("detail", models.CharField(blank=True, max_length=300)),
                ("link", models.CharField(blank=True, max_length=300)),
                ("before", models.JSONField(blank=True, default=dict)),
                ("after", models.JSONField(blank=True, default=dict)),
            ],
        ),
        migrations.CreateModel(
            name="ActivityHead",
            fields=[
                ("chain", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("number", models.PositiveBigIntegerField(default=0)),
                ("hash", models.CharField(blank=True, max_length=64)),
            ],
        ),
    ]
