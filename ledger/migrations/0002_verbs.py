"""The SQL functions of `ledger/sql/journal.sql`, and foreign keys that Django cannot state: tenant and asset agree on both ends."""

from pathlib import Path

from django.db import migrations

SQL = (Path(__file__).parent.parent / "sql" / "journal.sql").read_text()
STATEMENTS = SQL.split("--;;")
FUNCTIONS = [
    "ledger_reverse",
    "ledger_resolve",
    "ledger_insert_resolution",
    "ledger_write",
    "ledger_check_legs",
    "ledger_apply",
    "ledger_insert_entry",
    "ledger_check_entry",
]

CONSTRAINTS = {
    "posting_asset_of_account": "FOREIGN KEY (book_id, account_id, asset_id) REFERENCES ledger_account (book_id, id, asset_id)",
    "posting_book_of_entry": "FOREIGN KEY (book_id, entry_id) REFERENCES ledger_journalentry (book_id, id)",
}


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_books_and_journal")]

    operations = [
        *(migrations.RunSQL([statement], migrations.RunSQL.noop) for statement in STATEMENTS),
        migrations.RunSQL(migrations.RunSQL.noop, [f"DROP FUNCTION {name}" for name in FUNCTIONS]),
        *(
            migrations.RunSQL(
                f"ALTER TABLE ledger_posting ADD CONSTRAINT {name} {rule}",
                f"ALTER TABLE ledger_posting DROP CONSTRAINT {name}",
            )
            for name, rule in CONSTRAINTS.items()
        ),
        migrations.RunSQL(
            "ALTER TABLE ledger_balance SET (fillfactor = 50)", "ALTER TABLE ledger_balance RESET (fillfactor)"
        ),
    ]
