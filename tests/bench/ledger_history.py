"""A long history in one book, for figures that must not grow with it.

`python -m tests.bench.ledger_history 5000000` migrates DATABASE_URL's database and stores as many entries: each debits
custody and credits one of 1,000 customers, over a hundred days. Written past the verbs, as a restore would be, and
yet consistent: balances, running balances, counts and days agree.
"""

import os
import subprocess
import sys

from cryptopay.devnet import places
from tests.bench import ledger_books

BOOK = "History"
CUSTOMERS = 1_000

_ENTRIES = """
INSERT INTO ledger_journalentry
    (id, book_id, idem, idem_hash, kind, legs, effective_at, recorded_at, source, description, meta, node, xid)
SELECT n, %(book)s, 'bitcoin:' || lpad(to_hex(n), 64, '0') || ':0', sha256(n::text::bytea), 1, 2,
       timestamptz '2024-01-01' + n * interval '100 days' / %(count)s, now(), 'bench', 'Payment of an invoice', '{}',
       0, pg_current_xact_id()
FROM generate_series(1, %(count)s::bigint) n
"""
_POSTINGS = """
INSERT INTO ledger_posting (book_id, entry_id, leg, account_id, asset_id, layer, debit, credit, balance_after,
                            account_seq, effective_at)
SELECT %(book)s, n, side.leg, side.account, %(asset)s, 0, 100 * (2 - side.leg), 100 * (side.leg - 1), 100 * side.seq,
       side.seq, timestamptz '2024-01-01' + n * interval '100 days' / %(count)s
FROM generate_series(1, %(count)s::bigint) n
CROSS JOIN LATERAL (VALUES
    (1, %(custody)s::bigint, n), (2, %(customer)s::bigint + n %% %(customers)s, 1 + (n - 1) / %(customers)s)
) side (leg, account, seq)
"""
_BALANCES = """
UPDATE ledger_balance b SET posted = p.posted, seq = p.seq
FROM (SELECT account_id, max(balance_after) AS posted, max(account_seq) AS seq FROM ledger_posting GROUP BY 1) p
WHERE b.book_id = %(book)s AND b.account_id = p.account_id
"""
_SET_INDEXES_ASIDE = """
UPDATE pg_index SET indisready = false, indisvalid = false
WHERE indrelid IN ('ledger_journalentry'::regclass, 'ledger_posting'::regclass)
"""  # REINDEX brings them back: one by one, row by row, they take five times as long
_DAYS = """
INSERT INTO ledger_accountday (book_id, account_id, day, debit, credit)
SELECT book_id, account_id, (effective_at AT TIME ZONE 'UTC')::date, sum(debit), sum(credit)
FROM ledger_posting GROUP BY 1, 2, 3
"""


def prepare(url: str, entries: int) -> None:
    """In an interpreter of its own: Django knows one database at a time."""
    subprocess.run(
        [sys.executable, "-m", "tests.bench.ledger_history", str(entries)],
        env={**os.environ, **ledger_books.settings(url, login="owner")},
        cwd=places.CHECKOUT,
        check=True,
    )


def _fill(entries: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection, transaction

    call_command("migrate", verbosity=0)
    ids = _open_accounts()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(_SET_INDEXES_ASIDE)
        for statement in (_ENTRIES, _POSTINGS, _BALANCES, _DAYS):
            cursor.execute(statement, {**ids, "count": entries, "customers": CUSTOMERS})
    with connection.cursor() as cursor:
        cursor.execute("SET maintenance_work_mem = '512MB'")
        cursor.execute("REINDEX TABLE ledger_journalentry")
        cursor.execute("REINDEX TABLE ledger_posting")
        cursor.execute("VACUUM ANALYZE")


def _open_accounts() -> dict[str, int]:
    from ledger import chart
    from ledger.models import Account, Book

    book, asset = Book.objects.create(name=BOOK), chart.asset("BTC", "bitcoin", 8)
    custody = chart.custody(book.pk, asset)
    customers = [
        chart.open_account(book.pk, f"customers:{number}", f"Customer {number}", asset, Account.Kind.LIABILITY)
        for number in range(CUSTOMERS)
    ]
    return {"book": book.pk, "asset": asset.pk, "custody": custody.pk, "customer": customers[0].pk}


if __name__ == "__main__":
    _fill(int(sys.argv[1]))
