"""The repository that a secret is only used for, and the latest deadline; both are sealed with it."""

from django.db import migrations, models

REASONS = [
    ("settled", "the pull ended"),
    ("deadline", "its time was over"),
    ("removed", "a member removed it"),
    ("replaced", "another one took its place"),
    ("operator", "an operator destroyed it"),
    ("tampered", "its record was not as it was sealed"),
]


class Migration(migrations.Migration):
    dependencies = [("registries", "0003_stamped_by_the_database")]

    operations = [
        migrations.AddField(
            "credential", "repository", models.CharField(max_length=255, blank=True, default="", db_default="")
        ),
        migrations.AddField(
            "credential", "latest_deadline", models.DateTimeField(null=True, blank=True, editable=False)
        ),
        migrations.AlterField(
            "credential", "destroyed_because", models.CharField(max_length=10, choices=REASONS, blank=True)
        ),
    ]
