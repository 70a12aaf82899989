"""The SQL functions of `ledger/sql/`, and foreign keys that Django cannot state: the tenant agrees on both ends."""

from pathlib import Path

from django.db import migrations

FILES = ["rules.sql", "journal.sql", "sealing.sql"]
STATEMENTS = [
    statement for name in FILES for statement in (Path(__file__).parent.parent / "sql" / name).read_text().split("--;;")
]
DROPPED = [
    "TRIGGER account_has_a_balance ON ledger_account",
    "FUNCTION ledger_keep_balance",
    "VIEW ledger_day",
    "FUNCTION ledger_seal",
    "FUNCTION ledger_block_hash",
    "FUNCTION ledger_block_text",
    "FUNCTION ledger_entry_lines",
    "FUNCTION ledger_write_batch",
    "FUNCTION ledger_apply",
    "FUNCTION ledger_lock_balances",
    "FUNCTION ledger_known",
    "FUNCTION ledger_refuse_bad_legs",
    "FUNCTION ledger_legs",
    "FUNCTION ledger_resolved",
    "TYPE ledger_leg",
    "FUNCTION ledger_transfer",
    "FUNCTION ledger_said_before",
    "FUNCTION ledger_refuse_transfer",
    "FUNCTION ledger_move_balance",
    "FUNCTION ledger_is_rate_of",
    "FUNCTION ledger_good_facts",
    "FUNCTION ledger_add_to_day",
    "FUNCTION ledger_bad_leg",
    "FUNCTION ledger_layer",
    "FUNCTION ledger_change",
    "FUNCTION ledger_idem_hash",
    "FUNCTION ledger_admits",
    "FUNCTION ledger_open_from",
    "FUNCTION ledger_node",
]

_ENTRY = "REFERENCES ledger_journalentry (book_id, id)"
CONSTRAINTS = {
    # Each statement that moves a balance reads this anew: it is short. No floor, no answer, and that passes.
    "ledger_balance_floor": ("ledger_balance", "CHECK (posted - pending_out >= floor)"),
    "balance_book_of_account": (
        "ledger_balance",
        "FOREIGN KEY (book_id, account_id) REFERENCES ledger_account (book_id, id)",
    ),
    "decision_book_of_proposal": (
        "ledger_decision",
        "FOREIGN KEY (book_id, proposal_id) REFERENCES ledger_proposal (book_id, id)",
    ),
    "decision_book_of_entry": ("ledger_decision", f"FOREIGN KEY (book_id, entry_id) {_ENTRY}"),
}
PRIMARY_KEYS = {
    "ledger_posting": ("posting_once_a_leg", "book_id, entry_id, leg"),
    "ledger_balance": ("balance_once_an_account", "book_id, account_id"),
}
"""Of tables that each entry writes and nobody reads by `id`, which is Django's alone: an index less to write."""
HALF_FULL = ["ledger_balance", "ledger_accountday"]
"""Rows that change keep their new versions on the same page."""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_books_and_journal")]

    operations = [
        *(migrations.RunSQL([statement], migrations.RunSQL.noop) for statement in STATEMENTS),
        migrations.RunSQL(migrations.RunSQL.noop, [f"DROP {thing}" for thing in DROPPED]),
        *(
            migrations.RunSQL(
                f"ALTER TABLE {table} ADD CONSTRAINT {name} {rule}", f"ALTER TABLE {table} DROP CONSTRAINT {name}"
            )
            for name, (table, rule) in CONSTRAINTS.items()
        ),
        *(
            migrations.RunSQL(
                f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey, DROP CONSTRAINT {name},"
                f" ADD CONSTRAINT {name} PRIMARY KEY ({columns})",
                f"ALTER TABLE {table} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} UNIQUE ({columns}),"
                f" ADD CONSTRAINT {table}_pkey PRIMARY KEY (id)",
            )
            for table, (name, columns) in PRIMARY_KEYS.items()
        ),
        *(
            migrations.RunSQL(f"ALTER TABLE {table} SET (fillfactor = 50)", f"ALTER TABLE {table} RESET (fillfactor)")
            for table in HALF_FULL
        ),
    ]
