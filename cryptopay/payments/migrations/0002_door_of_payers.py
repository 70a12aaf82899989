"""The SQL function of `sql/door.sql`, by which a payer's invoice is found before its book is known."""

from pathlib import Path

from django.db import migrations

SQL = (Path(__file__).parent.parent / "sql" / "door.sql").read_text()
CLOSED = ["DROP POLICY door ON payments_invoice", "DROP FUNCTION payments_book_of_invoice"]


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_invoices_and_payments")]

    operations = [
        *(migrations.RunSQL([statement], migrations.RunSQL.noop) for statement in SQL.split("--;;")),
        migrations.RunSQL(migrations.RunSQL.noop, CLOSED),
    ]
