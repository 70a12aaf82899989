"""What comes to an account that payers share, with no memo that tells whose it is."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

import ledger.money


class Migration(migrations.Migration):
    dependencies = [
        ("keys", "0004_exports_of_keys"),
        ("ledger", "0002_verbs"),
        ("monitor", "0006_what_a_payer_wrote"),
        ("payments", "0004_payments_in_any_coin"),
    ]

    operations = [
        migrations.CreateModel(
            name="SharedAccount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("chain_code", models.CharField(max_length=32)),
                (
                    "book",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.book"
                    ),
                ),
                (
                    "master_key",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="shared_account", to="keys.masterkey"
                    ),
                ),
                (
                    "watched",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="shared_account",
                        to="monitor.watchedaddress",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="UnassignedReceipt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("base_units", ledger.money.BaseUnitsField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("seen", "Not yet received"),
                            ("confirmed", "Received"),
                            ("dropped", "Dropped"),
                            ("reversed", "Taken back"),
                        ],
                        default="seen",
                        max_length=10,
                    ),
                ),
                ("assigned_as", models.CharField(blank=True, default="", max_length=80)),
                ("seen_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="receipts",
                        to="payments.sharedaccount",
                    ),
                ),
                (
                    "asset",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.asset"),
                ),
                (
                    "book",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.book"
                    ),
                ),
                (
                    "deposit",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="unassigned", to="monitor.deposit"
                    ),
                ),
                (
                    "pending_entry",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="ledger.journalentry",
                    ),
                ),
                (
                    "settled_entry",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="ledger.journalentry",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["book", "-id"], name="unassigned_newest")],
            },
        ),
    ]
