"""Each payment says what was sent: an address of a chain with tokens can be paid in any of them."""

import django.db.models.deletion
from django.db import migrations, models

_AS_ASKED = """
UPDATE payments_payment p SET asset_id = m.asset_id FROM payments_paymentmethod m WHERE m.id = p.method_id;
SET CONSTRAINTS ALL IMMEDIATE;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0002_verbs"),
        ("payments", "0003_customers_addresses_and_notices"),
    ]

    operations = [
        migrations.AlterField(
            model_name="invoice",
            name="exception",
            field=models.CharField(
                choices=[
                    ("none", "None"),
                    ("paid_partial", "Paid in part"),
                    ("paid_over", "Overpaid"),
                    ("paid_late", "Paid late"),
                    ("paid_other", "Paid in another coin"),
                ],
                default="none",
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="payment",
            name="asset",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.asset"
            ),
        ),
        migrations.RunSQL(_AS_ASKED, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="payment",
            name="asset",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="ledger.asset"),
        ),
    ]
