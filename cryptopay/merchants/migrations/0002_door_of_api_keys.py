"""The SQL function of `sql/door.sql`, by which an API key is found before its book is known."""

from pathlib import Path

from django.db import migrations

SQL = (Path(__file__).parent.parent / "sql" / "door.sql").read_text()
CLOSED = [
    "DROP POLICY door ON ledger_book",
    "DROP POLICY door ON merchants_apikey",
    "DROP FUNCTION merchants_key_of_hash",
]


class Migration(migrations.Migration):
    dependencies = [("merchants", "0001_people_and_keys")]

    operations = [
        *(migrations.RunSQL([statement], migrations.RunSQL.noop) for statement in SQL.split("--;;")),
        migrations.RunSQL(migrations.RunSQL.noop, CLOSED),
    ]
