"""Images and checks by a trust."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('groups', '0027_step_words'),
        ('portal', '0044_identities'),
        ('registries', '0008_trusts'),
    ]

    operations = [
        migrations.AddField(
            model_name='image',
            name='trust',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='images', to='registries.trust'),
        ),
        migrations.AddField(
            model_name='imagecheck',
            name='project',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='portal.project'),
        ),
        migrations.AddField(
            model_name='imagecheck',
            name='trust',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='checks', to='registries.trust'),
        ),
    ]
