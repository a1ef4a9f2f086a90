"""Refused sign-ins wait in a table of their own until the sweeper appends them to the activity."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('portal', '0014_limits_are_the_quotas'),
    ]

    operations = [
        migrations.CreateModel(
            name='RefusedSignIn',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(choices=[('password', 'wrong password or unknown address'), ('second_factor', 'wrong code of a second factor'), ('deactivated', 'the account is deactivated')], max_length=20)),
                ('is_signed_in', models.BooleanField(default=False)),
                ('typed_address', models.CharField(blank=True, max_length=100)),
                ('client_address', models.CharField(blank=True, max_length=45)),
                ('request_id', models.CharField(blank=True, max_length=32)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('recorded_at', models.DateTimeField(null=True)),
                ('person', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
    ]
