"""The view of `ledger/sql/valuation.sql`, and where unpriced entries are found."""

from pathlib import Path

from django.db import migrations

STATEMENTS = (Path(__file__).parent.parent / "sql" / "valuation.sql").read_text().split("--;;")


class Migration(migrations.Migration):
    dependencies = [("ledger", "0005_lots_and_gains")]

    operations = [
        *(migrations.RunSQL([statement], migrations.RunSQL.noop) for statement in STATEMENTS),
        migrations.RunSQL(migrations.RunSQL.noop, ["DROP VIEW ledger_value"]),
    ]
