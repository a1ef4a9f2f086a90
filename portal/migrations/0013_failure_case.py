"""Support's state and note of a failure move from the failure to a case of the portal's."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

BATCH = 500


def move_to_cases(apps, schema_editor):
    """Give a case to each failure that support has seen or noted. Without a case a failure is new."""
    Failure, FailureCase = apps.get_model("groups", "Failure"), apps.get_model("portal", "FailureCase")
    touched = Failure.objects.filter(~Q(state="new") | ~Q(note="")).order_by().values_list("pk", "state", "note")
    cases = []
    for pk, state, note in touched.iterator(BATCH):
        cases.append(FailureCase(failure_id=pk, state=state, note=note))
        if len(cases) == BATCH:
            FailureCase.objects.bulk_create(cases)
            cases = []
    FailureCase.objects.bulk_create(cases)


def move_to_failures(apps, schema_editor):
    """Write state and note of each case back to its failure."""
    Failure, FailureCase = apps.get_model("groups", "Failure"), apps.get_model("portal", "FailureCase")
    for case in FailureCase.objects.iterator(BATCH):
        Failure.objects.filter(pk=case.failure_id).update(state=case.state, note=case.note)


class Migration(migrations.Migration):
    dependencies = [
        ("groups", "0013_check_against"),
        ("portal", "0012_activity_append_only"),
    ]

    operations = [
        migrations.CreateModel(
            name="FailureCase",
            fields=[
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("new", "New"),
                            ("seen", "Seen"),
                            ("waiting", "Waiting for the member"),
                            ("solved", "Solved"),
                        ],
                        default="new",
                        max_length=10,
                    ),
                ),
                ("note", models.TextField(blank=True, help_text="Only support reads this.", max_length=8000)),
                (
                    "failure",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="support_case",
                        serialize=False,
                        to="groups.failure",
                    ),
                ),
            ],
            options={"abstract": False},
        ),
        migrations.RunPython(move_to_cases, move_to_failures),
    ]
