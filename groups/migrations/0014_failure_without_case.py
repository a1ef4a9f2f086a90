"""State and note of a failure are support's: `portal.FailureCase` has them."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("groups", "0013_check_against"),
        ("portal", "0013_failure_case"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="failure", name="groups_fail_state_354e5f_idx"),
        migrations.RemoveField(model_name="failure", name="state"),
        migrations.RemoveField(model_name="failure", name="note"),
    ]
