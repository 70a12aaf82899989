from django.db import migrations, models
from django.db.models import Q

from ledger.money import LARGEST_BASE_UNITS as MOST


class Migration(migrations.Migration):
    dependencies = [("ledger", "0002_verbs")]

    operations = [
        migrations.AddConstraint(
            model_name="balance",
            constraint=models.CheckConstraint(
                condition=Q(posted__lte=MOST, pending_in__lte=MOST, pending_out__lte=MOST),
                name="ledger_balance_is_a_number",
            ),
        ),
        migrations.AddConstraint(
            model_name="posting",
            constraint=models.CheckConstraint(
                condition=Q(debit__lte=MOST, credit__lte=MOST, balance_after__lte=MOST), name="posting_is_a_number"
            ),
        ),
    ]
