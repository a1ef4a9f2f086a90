from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("groups", "0005_layer_kept_in_blob")]

    operations = [
        migrations.AddField(
            model_name="image",
            name="handed_over",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
    ]
