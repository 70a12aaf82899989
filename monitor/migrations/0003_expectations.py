import django.db.models.deletion
from django.db import migrations, models

import ledger.money


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0002_verbs"),
        ("monitor", "0002_watches"),
    ]

    operations = [
        migrations.CreateModel(
            name="QueueLook",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("chain_code", models.CharField(max_length=32, unique=True)),
                ("queue", models.JSONField(default=dict)),
                ("looked_at", models.DateTimeField(null=True)),
                ("busy_until", models.DateTimeField(null=True)),
                ("failure", models.CharField(blank=True, default="", max_length=300)),
            ],
        ),
        migrations.CreateModel(
            name="Expectation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("state", models.CharField(max_length=12)),
                ("reason", models.CharField(blank=True, default="", max_length=20)),
                ("mined_low", models.PositiveIntegerField(null=True)),
                ("mined_high", models.PositiveIntegerField(null=True)),
                ("fee_rate", ledger.money.BaseUnitsField()),
                ("replaceable", models.BooleanField(null=True)),
                ("replaced_by", models.CharField(blank=True, default="", max_length=66)),
                ("spends", models.JSONField(default=list)),
                ("as_of", models.DateTimeField()),
                (
                    "book",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="ledger.book",
                    ),
                ),
                (
                    "deposit",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="expectation", to="monitor.deposit"
                    ),
                ),
            ],
        ),
    ]
