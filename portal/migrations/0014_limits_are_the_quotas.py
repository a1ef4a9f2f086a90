"""Limits and suspension of an organization are in `groups.Quota`."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0013_failure_case"),
        ("groups", "0015_quota"),
    ]

    operations = [
        migrations.RemoveField(model_name="organization", name="max_groups"),
        migrations.RemoveField(model_name="organization", name="max_replicas"),
        migrations.RemoveField(model_name="organization", name="max_stored_bytes"),
        migrations.RemoveField(model_name="organization", name="max_pulls"),
        migrations.RemoveField(model_name="organization", name="max_image_bytes"),
        migrations.RemoveField(model_name="organization", name="suspended_at"),
        migrations.RemoveField(model_name="organization", name="suspended_because"),
    ]
