"""Writers that break one rule each. A trial that does not notice them proves nothing."""

import dataclasses
import secrets
import time

from django.db import connection, transaction

from tests import database
from tests.torture import writers
from tests.torture.attempts import Attempt
from tests.torture.books import TrialBook

_ENTRY = """
    INSERT INTO ledger_journalentry
        (book_id, idem, idem_hash, kind, legs, effective_at, recorded_at, source, description, meta, node, xid)
    VALUES (%s, %s, '', 1, 2, now(), now(), 'torture', 'Without the lock', '{}', 0, pg_current_xact_id())
    RETURNING id, effective_at
"""
_BALANCE = "SELECT posted, seq FROM ledger_balance WHERE book_id = %s AND account_id = %s"
_POSTINGS = """
    INSERT INTO ledger_posting
        (book_id, entry_id, leg, account_id, asset_id, layer, debit, credit, balance_after, account_seq, effective_at)
    SELECT %(book)s, %(entry)s, l.leg, a.id, a.asset_id, 0, l.debit, l.credit, l.after, l.seq, %(at)s
    FROM unnest(%(accounts)s::bigint[], %(debits)s::numeric[], %(paid)s::numeric[], %(after)s::numeric[],
                %(seqs)s::bigint[]) WITH ORDINALITY l (account, debit, credit, after, seq, leg)
    JOIN ledger_account a ON a.id = l.account
"""
_DAYS = """
    INSERT INTO ledger_accountday AS d (book_id, account_id, day, debit, credit)
    SELECT %(book)s, l.account, (%(at)s AT TIME ZONE 'UTC')::date, l.debit, l.credit
    FROM unnest(%(accounts)s::bigint[], %(debits)s::numeric[], %(paid)s::numeric[]) l (account, debit, credit)
    ON CONFLICT (book_id, account_id, day)
    DO UPDATE SET debit = d.debit + excluded.debit, credit = d.credit + excluded.credit
"""
_UPDATE = "UPDATE ledger_balance SET posted = %s, seq = %s WHERE book_id = %s AND account_id = %s"


def acknowledged_before_commit(attempt: Attempt) -> list[int]:
    """Says so first and commits a little later, when it is asked the next time."""
    if not connection.get_autocommit():
        time.sleep(0.05)
        connection.commit()
    connection.set_autocommit(False)
    return writers.write(attempt)


def not_flushed(attempt: Attempt) -> list[int]:
    """A commit that is not on disk when it is acknowledged."""
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
    return writers.write(attempt)


def one_by_one(attempt: Attempt) -> list[int]:
    """A batch in as many commits as it has entries."""
    return [entry for fact in attempt.facts for entry in writers.write(dataclasses.replace(attempt, facts=[fact]))]


def said_anew(attempt: Attempt) -> list[int]:
    """Does not trust its answer, and says posted facts a second time under another name."""
    ids = writers.write(attempt)
    again = [{**fact, "idem": secrets.token_hex(8)} for fact in attempt.facts if fact["kind"] == writers.POST]
    if again:
        writers.write(dataclasses.replace(attempt, facts=again))
    return ids


def balance_without_posting(book: TrialBook) -> None:
    """Pays a customer by the balance alone."""
    with database.as_owner(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ledger_balance SET posted = posted + 1 WHERE book_id = %s AND account_id = %s",
            [book.id, book.tills[0].customers[0]],
        )


def without_the_lock(book: TrialBook, entries: int) -> None:
    """Reads two balances, waits a little, and writes what it has reckoned: what others wrote meanwhile is lost."""
    connection.close()
    till = book.tills[0]
    accounts = [till.vault, till.customers[0]]
    for _ in range(entries):
        with database.as_owner(), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_ENTRY, [book.id, secrets.token_hex(8)])
            entry, at = cursor.fetchone()
            held = []
            for account in accounts:
                cursor.execute(_BALANCE, [book.id, account])
                held.append(cursor.fetchone())
            time.sleep(0.005)
            after, seqs = [posted + 1 for posted, _ in held], [seq + 1 for _, seq in held]
            row = {"book": book.id, "entry": entry, "at": at, "accounts": accounts, "after": after, "seqs": seqs}
            row |= {"debits": [1, 0], "paid": [0, 1]}
            cursor.execute(_POSTINGS, row)
            cursor.execute(_DAYS, row)
            for account, posted, seq in zip(accounts, after, seqs, strict=True):
                cursor.execute(_UPDATE, [posted, seq, book.id, account])
