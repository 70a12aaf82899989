from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("monitor", "0001_deposits_and_events")]

    operations = [migrations.RemoveField(model_name="readblock", name="time")]
