"""A client of our ledger through its Django API, in its own interpreter, and the bare COPY it is held against.

An entry is named as the monitor names a payment, by the chain, its transaction and its output, so its keys fall
anywhere in the indexes. Whom, how much and which transaction: drawn before the clock starts, as a caller has them.
"""

import hashlib
import random
import secrets
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import django

django.setup()

from django.db import connection, transaction  # noqa: E402
from django.db.models import Model, QuerySet  # noqa: E402
from django.utils import timezone  # noqa: E402
from psycopg.types.json import Jsonb  # noqa: E402

from ledger import balances, journal  # noqa: E402
from ledger.models import Account, Balance, Book, JournalEntry, Posting  # noqa: E402
from ledger.prepared import Prepared  # noqa: E402
from tests.bench.clients import cpu_seconds, serve  # noqa: E402

COPIED = [model._meta.db_table for model in (JournalEntry, Posting, Balance)]
_ADD_UP = """
UPDATE bare.ledger_balance b SET posted = b.posted + x.moved, seq = b.seq + x.legs
FROM unnest(%s::bigint[], %s::numeric[], %s::bigint[]) x (account, moved, legs) WHERE b.account_id = x.account
"""
_BAREST = Prepared("barest_post", "SELECT barest.post(%s, %s, %s, %s, %s, %s, %s)", texts={1, 3})
_CLIENT = secrets.token_hex(8)
_accounts: list[Account] = []
_written = 0


def ready(book: str) -> None:
    """Works in this book from now on."""
    _accounts[:] = Account.objects.filter(book=Book.objects.get(name=book)).order_by("id")
    connection.ensure_connection()


def post(count: int) -> float:
    """CPU seconds an entry, posted singly."""
    facts = [_fact(*random.sample(_accounts, 2)) for _ in range(count)]
    return _cpu_seconds(lambda: [journal.post(_entry(fact)) for fact in facts]) / count


def post_barest(count: int) -> float:
    """CPU seconds an entry, written singly by the least there is: `barest.sql`."""
    facts = [_fact(*random.sample(_accounts, 2)) for _ in range(count)]
    return _cpu_seconds(lambda: [_post_barest(_entry(fact)) for fact in facts]) / count


def post_batch(count: int, *, hot: bool) -> float:
    """CPU seconds an entry, `count` at once; `hot`: all of them debit the book's first account.

    Their facts are at hand, as those of the rows that `copy_last` copies.
    """
    entries = [_entry(_fact(*_pair(hot=hot))) for _ in range(count)]
    return _cpu_seconds(lambda: journal.post_batch(entries)) / count


def copy_last(count: int) -> float:
    """CPU seconds an entry, for COPY of the last `count` entries' rows into tables with the same columns and indexes,
    and one statement that adds them up into balances: the least a ledger with balances must write.

    The rows are at hand as Python values, as a batch's facts are.
    """
    entries = _rows(JournalEntry.objects.order_by("-id")[:count])
    postings = _rows(Posting.objects.filter(entry_id__gte=entries[-1][0]).order_by("id"))
    if len(postings) != 2 * count:
        raise RuntimeError(f"{count} entries have {len(postings)} postings")
    return _cpu_seconds(lambda: _copy({JournalEntry: entries[::-1], Posting: postings})) / count


def post_for(seconds: float, batch: int, *, hot: bool) -> float:
    """Entries a second, in batches; `hot` as of `post_batch`."""
    count, start = 0, time.perf_counter()
    while (taken := time.perf_counter() - start) < seconds:
        _post_batch(batch, hot=hot)
        count += batch
    return count / taken


def read(count: int) -> float:
    """CPU seconds one balance takes to read: that of the book's first account."""
    return _cpu_seconds(lambda: [balances.balance(_accounts[0]) for _ in range(count)]) / count


def _cpu_seconds(work: Callable[[], object]) -> float:
    return cpu_seconds(connection.connection.info.backend_pid, work)


def _post_barest(entry: journal.Entry) -> None:
    debited, credited = entry.legs
    _BAREST.value(
        [
            *(str(entry.book_id), entry.idem, entry.effective_at.isoformat(), entry.description),
            *(str(debited.account.pk), str(credited.account.pk), str(debited.debit)),
        ]
    )


def _post_batch(count: int, *, hot: bool) -> None:
    entries = [_entry(_fact(*_pair(hot=hot))) for _ in range(count)]
    journal.post_batch(entries)


def _pair(*, hot: bool) -> tuple[Account, Account]:
    debited, credited = random.sample(range(1, len(_accounts)), 2)
    return _accounts[0 if hot else debited], _accounts[credited]


class _Fact(NamedTuple):
    idem: str
    debited: Account
    credited: Account
    amount: int


def _fact(debited: Account, credited: Account) -> _Fact:
    global _written  # noqa: PLW0603 (a program of its own)
    _written += 1
    txid = hashlib.sha256(f"{_CLIENT}{_written}".encode()).hexdigest()
    return _Fact(f"bitcoin:{txid}:0", debited, credited, random.randint(1, 10**18))


def _entry(fact: _Fact) -> journal.Entry:
    return journal.Entry(
        book_id=fact.debited.book_id,
        idem=fact.idem,
        legs=[journal.Leg(fact.debited, debit=fact.amount), journal.Leg(fact.credited, credit=fact.amount)],
        effective_at=timezone.now(),
        description="Payment of an invoice",
        source="bench",
    )


def _rows(stored: QuerySet[Any]) -> list[tuple[Any, ...]]:
    """Rows as Python values that COPY takes."""
    return [tuple(Jsonb(value) if isinstance(value, dict) else value for value in row) for row in stored.values_list()]


def _copy(rows: dict[type[Model], list[tuple[Any, ...]]]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for model, values in rows.items():
            columns = ", ".join(field.column for field in model._meta.concrete_fields)
            with cursor.copy(f"COPY bare.{model._meta.db_table} ({columns}) FROM STDIN") as copy:
                for row in values:
                    copy.write_row(row)
        cursor.execute(_ADD_UP, [list(column) for column in zip(*_moved(rows[Posting]), strict=True)])


def _moved(postings: list[tuple[Any, ...]]) -> list[tuple[int, int, int]]:
    """Account, what it moved by, number of its postings."""
    columns = [field.column for field in Posting._meta.concrete_fields]
    account, debit, credit = (columns.index(name) for name in ("account_id", "debit", "credit"))
    moved: dict[int, list[int]] = {}
    for row in postings:
        sums = moved.setdefault(row[account], [0, 0])
        sums[0] += row[credit] - row[debit]
        sums[1] += 1
    return [(number, *sums) for number, sums in moved.items()]  # type: ignore[misc]


if __name__ == "__main__":
    orders = (ready, post, post_barest, post_batch, copy_last, post_for, read)
    serve({order.__name__: order for order in orders})
