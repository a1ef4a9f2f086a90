"""Credentials for one pull only."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('groups', '0028_trusts'),
    ]

    operations = [
        migrations.AddField(
            model_name='image',
            name='credential_once',
            field=models.BooleanField(db_default=False, default=False, editable=False, verbose_name='for one pull'),
        ),
    ]
