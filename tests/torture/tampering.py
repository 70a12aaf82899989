"""Someone with all rights changes rows behind the ledger's back, one change a case; its proofs must notice each.

Books of several assets with customers, reversals, closed periods and blocks are built and their chains exported. A
case edits a column, deletes a row, exchanges a value of two rows, empties a table, or edits and then computes all
hashes anew, past triggers, keys and row-level security, and is undone. It is noticed if `check_ledger` names a row, or
if the chain, exported again, is not verified or does not continue the older export.

Left out, because nobody's balance hangs on it: the numbers of rows that nothing refers to (`id` of postings, balances,
days, blocks), an account's name, days to clear and closing, and assets, rates and accounts that no entry uses.
"""

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from psycopg import sql

from ledger import chart, checking, journal, rates, sealing, verifying
from ledger.journal import Entry, Leg, Resolution
from ledger.models import Account, Asset, Balance, Block, Book, JournalEntry, Rate
from tests.closing import change

CASES = 1_000
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
WAYS = ("edit",) * 10 + ("delete", "exchange", "exchange", "empty", "rewrite", "rewrite")

_USED_ACCOUNTS = "id IN (SELECT account_id FROM ledger_posting)"
_TABLES = {
    "ledger_journalentry": (
        "id book_id idem idem_hash kind ref_id legs effective_at recorded_at rate_id source description meta node xid",
        "true",
    ),
    "ledger_posting": (
        "book_id entry_id leg account_id asset_id layer debit credit balance_after account_seq effective_at",
        "true",
    ),
    "ledger_balance": (
        "account_id book_id asset_id debit_normal closed posted pending_in pending_out floor seq"
        " day day_debit day_credit",
        "day IS NOT NULL",
    ),
    "ledger_accountday": ("book_id account_id day debit credit", "true"),
    "ledger_block": ("book_id number node from_xid upto_xid entries previous hash sealed_at", "true"),
    "ledger_account": ("id book_id code asset_id kind floor", _USED_ACCOUNTS),
    "ledger_rate": (
        "id book_id asset_code currency price source observed_at recorded_at",
        "id IN (SELECT rate_id FROM ledger_journalentry)",
    ),
    "ledger_asset": (
        "id code chain contract decimals",
        "id IN (SELECT asset_id FROM ledger_posting)",
    ),
}
_REWRITTEN = ("ledger_journalentry", "ledger_posting", "ledger_account", "ledger_rate", "ledger_asset")
_PAST_EVERYTHING = "SET LOCAL ROLE NONE; SET LOCAL session_replication_role = replica"
_COMPUTE_ALL_HASHES = """
    DO $$
    DECLARE b ledger_block; before bytea; of_book bigint := 0;
    BEGIN
        FOR b IN SELECT * FROM ledger_block ORDER BY book_id, number LOOP
            b.previous := CASE WHEN b.book_id = of_book THEN before ELSE '' END;
            of_book := b.book_id;
            before := ledger_block_hash(b);
            UPDATE ledger_block SET previous = b.previous, hash = before WHERE id = b.id;
        END LOOP;
    END $$
"""


class NotACase(Exception):
    """The change was refused by a constraint that holds for intruders, too, or would change nothing."""


@dataclass(frozen=True, slots=True)
class Export:
    """A book's chain as it was before anybody touched it."""

    book_id: int
    lines: Sequence[bytes]


def run(cases: int | None = None) -> None:
    """Raises `AssertionError` with the change that nobody noticed; the seed is printed first."""
    seed = random.SystemRandom().randrange(2**32)
    rng, started = random.Random(seed), time.monotonic()
    print(f"tampering_seed {seed} seed")
    build(rng)
    exports = [Export(book.pk, list(_export(book.pk))) for book in Book.objects.order_by("pk")]
    _print_size(exports)
    _controls(rng, exports)
    noticed = _all_noticed(rng, exports, cases or CASES)
    assert noticed_by(exports) is None, "the books are not as they were before the trial"
    print(f"tampering_cases {noticed.total()} cases")
    for by, count in sorted(noticed.items()):
        print(f"tampering_noticed_by_{by.replace(' ', '_')} {count} cases")
    print(f"tampering_seconds {time.monotonic() - started:.0f} s", flush=True)


def _controls(rng: random.Random, exports: Sequence[Export]) -> None:
    """The trial can fail: nothing is noticed where nothing was done, nor where the proofs are blind."""
    assert (by := noticed_by(exports)) is None, f"sound books are called broken by {by}"
    with intrusion():
        _execute(
            "UPDATE ledger_balance SET posted = posted + 1 WHERE account_id = (SELECT min(id) FROM ledger_account)"
        )
        assert noticed_by(exports) == "rule 2"
        with _blind_to(2):
            assert noticed_by(exports) is None, "what rule 2 says alone, another says, too"
    with _blind_to(*range(1, 11)), pytest.raises(AssertionError, match="nobody noticed"):
        _all_noticed(rng, [], 1)
    with intrusion():
        _execute("UPDATE ledger_journalentry SET description = description || '!' WHERE id = %s", [_some_id(rng)])
        assert noticed_by([]) == "rule 8", "without its seal an entry's words may be changed"
        _execute(_COMPUTE_ALL_HASHES)
        assert noticed_by([]) is None, "hashes computed anew are consistent: only an older export tells"
        assert noticed_by(exports) == "the older export"


@contextmanager
def _blind_to(*numbers: int) -> Iterator[None]:
    """The check without these rules."""
    rules = checking.INVARIANTS
    checking.INVARIANTS = tuple(rule for rule in rules if rule.number not in numbers)
    try:
        yield
    finally:
        checking.INVARIANTS = rules


def _all_noticed(rng: random.Random, exports: Sequence[Export], cases: int) -> Counter[str]:
    """How many were noticed by whom."""
    noticed: Counter[str] = Counter()
    for number in range(cases):
        change, by = _case(rng, exports)
        assert by, f"case {number}, nobody noticed: {change}"
        noticed[by] += 1
    return noticed


def noticed_by(exports: Sequence[Export]) -> str | None:
    """Who notices: the first broken rule, the chain by itself, or the older export."""
    for outcome in checking.check():
        if outcome.violations:
            return f"rule {outcome.invariant.number}"
    for export in exports:
        lines = list(_export(export.book_id))
        try:
            verifying.verify(lines)
        except verifying.ChainBroken:
            return "the chain"
        try:
            verifying.verify_beginning(export.lines, lines)
        except verifying.ChainBroken:
            return "the older export"
    return None


def _case(rng: random.Random, exports: Sequence[Export]) -> tuple[str, str | None]:
    """One change, who noticed it, and everything as before. What is no change is drawn again."""
    while True:
        way = rng.choice(WAYS)
        with intrusion():
            try:
                with transaction.atomic():
                    change = _WAYS[way](rng)
            except (NotACase, DatabaseError):
                continue
            return change, noticed_by(exports)


@contextmanager
def intrusion() -> Iterator[None]:
    """As a superuser whom no trigger, no foreign key and no policy hinders; undone at the end."""
    with transaction.atomic():
        _execute(_PAST_EVERYTHING)
        yield
        transaction.set_rollback(True)


def _edit(rng: random.Random) -> str:
    return _edit_in(rng, rng.choice(list(_TABLES)))


def _edit_in(rng: random.Random, table: str) -> str:
    column = rng.choice(_TABLES[table][0].split())
    (row,) = _pick(rng, table, 1)
    before = _value(table, column, row)
    after = _another(rng, table, column, before)
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("UPDATE {} SET {column} = %s WHERE id = %s RETURNING {column}").format(
                sql.Identifier(table), column=sql.Identifier(column)
            ),
            [after, row],
        )
        if _plain(column, cursor.fetchone()[0]) == before:  # a column may cut spaces off
            raise NotACase
    return f"{table} {row}: {column} from {before!r} to {after!r}"


def _delete(rng: random.Random) -> str:
    table = rng.choice(list(_TABLES))
    (row,) = _pick(rng, table, 1)
    _execute(sql.SQL("DELETE FROM {} WHERE id = %s").format(sql.Identifier(table)), [row], rows=1)
    return f"{table} {row} deleted"


def _exchange(rng: random.Random) -> str:
    """Both rows are written anew, so that a unique key sees them only when they have changed."""
    table = rng.choice(list(_TABLES))
    columns = [column for column in _TABLES[table][0].split() if column != "id"]
    column, rows = rng.choice(columns), _pick(rng, table, 2)
    if _value(table, column, rows[0]) == _value(table, column, rows[1]):
        raise NotACase
    names = _columns_of(table)
    _execute(
        sql.SQL(
            "WITH gone AS (DELETE FROM {table} WHERE id = ANY(%s) RETURNING *)"
            " INSERT INTO {table} ({names}) SELECT {values} FROM gone x JOIN gone y ON x.id <> y.id"
        ).format(
            table=sql.Identifier(table),
            names=sql.SQL(", ").join(map(sql.Identifier, names)),
            values=sql.SQL(", ").join(sql.Identifier("y" if name == column else "x", name) for name in names),
        ),
        [rows],
        rows=2,
    )
    return f"{table} {rows}: {column} exchanged"


def _empty(rng: random.Random) -> str:
    table = rng.choice(list(_TABLES))
    _execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.Identifier(table)))
    return f"{table} emptied, and all that refers to it"


def _rewrite(rng: random.Random) -> str:
    """The cleverer forger: the chain is consistent in itself again."""
    change = _edit_in(rng, rng.choice(_REWRITTEN))
    _execute(_COMPUTE_ALL_HASHES)
    return f"{change}, and all hashes computed anew"


_WAYS: dict[str, Callable[[random.Random], str]] = {
    "edit": _edit,
    "delete": _delete,
    "exchange": _exchange,
    "empty": _empty,
    "rewrite": _rewrite,
}


def _another(rng: random.Random, table: str, column: str, before: Any) -> Any:
    """A value of that column's type that is not the one there; often a near one."""
    if column == "rate_id":
        return _pick(rng, "ledger_rate", 1)[0] if before is None or rng.random() < 0.9 else None
    if column in {"ref_id", "floor"} or (column, table) == ("book_id", "ledger_rate"):
        return rng.choice([before + 1, before - 1, None]) if before is not None else rng.choice([0, 1, -5, 100])
    if column == "xid" or column.endswith("_xid"):
        return str(max(0, int(before) + rng.choice([-1, 1, 2, 1000])))
    if column == "kind" and table == "ledger_account":
        return rng.choice("ALEIX")
    return _another_of_its_type(rng, before)


def _another_of_its_type(rng: random.Random, before: Any) -> Any:  # noqa: PLR0911 - one a type
    match before:
        case int():
            return rng.choice([before + 1, before - 1, before * 2, before + 10, -before, 0])
        case Decimal():
            return rng.choice([before + 1, before - 1, before * 2, -before, before * 10, before.scaleb(-1)])
        case bytes() | memoryview():
            data = bytearray(before) or bytearray(1)
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            return bytes(data)
        case datetime():
            return before + timedelta(microseconds=rng.choice([-1, 1, 1000, 3_600_000_000, -86_400_000_000]))
        case date():
            return before + timedelta(days=rng.choice([-1, 1, 30]))
        case dict():
            return json.dumps({**before, rng.choice(["customer", "note"]): rng.randrange(1000)})
        case str():
            at = rng.randrange(len(before) + 1)
            return before[:at] + rng.choice(["x", " ", "é", "Z", ""]) + before[at + rng.randrange(2) :]
    raise NotACase


def _pick(rng: random.Random, table: str, count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT id FROM {} WHERE {} ORDER BY id").format(sql.Identifier(table), sql.SQL(_TABLES[table][1]))
        )
        ids = [row[0] for row in cursor.fetchall()]
    return rng.sample(ids, count)


def _some_id(rng: random.Random) -> int:
    return _pick(rng, "ledger_journalentry", 1)[0]


def _value(table: str, column: str, row: int) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT {} FROM {} WHERE id = %s").format(sql.Identifier(column), sql.Identifier(table)), [row]
        )
        return _plain(column, cursor.fetchone()[0])


def _plain(column: str, value: Any) -> Any:
    return json.loads(value) if column == "meta" and isinstance(value, str) else value


def _columns_of(table: str) -> list[str]:
    with connection.cursor() as cursor:
        return [column.name for column in connection.introspection.get_table_description(cursor, table)]


def _execute(statement: Any, parameters: Sequence[Any] | None = None, rows: int | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        if rows is not None and cursor.rowcount != rows:
            raise NotACase


def _export(book_id: int) -> Iterator[bytes]:
    for line in sealing.export(book_id):
        yield f"{line}\n".encode()


def _print_size(exports: Sequence[Export]) -> None:
    print(f"tampering_books {len(exports)} books")
    print(f"tampering_entries {JournalEntry.objects.count()} entries")
    print(f"tampering_blocks {Block.objects.count()} blocks")


def build(rng: random.Random, stories: int = 18) -> None:
    """Three books, committed and sealed to the last entry."""
    coins = [
        chart.asset("BTC", "bitcoin", 8),
        chart.asset("ETH", "ethereum", 18),
        chart.asset("USDC", "ethereum", 6, "0xa0b8"),
    ]
    for name in ("Alice", "Böb \u2028", "Carol"):
        shop = _Shop(rng, Book.objects.create(name=name), rng.sample(coins, 2))
        for chapter in range(4):
            for _ in range(stories // 4 + 1):
                shop.live_a_story()
            if chapter == 1:
                shop.close_a_month()
            sealing.seal(shop.book.pk)
    assert sealing.seal_all() == 0
    assert Balance.objects.exclude(posted=0).exists()


class _Shop:
    """Writes what a shop writes, in random order."""

    def __init__(self, rng: random.Random, book: Book, coins: Sequence[Asset]) -> None:
        self.rng, self.book, self.coins = rng, book, coins
        self.facts = 0
        self.rates: dict[str, Rate] = {}
        for coin in coins:
            price = Decimal(rng.randrange(100_000, 105_000)).scaleb(-2)  # one that jumps would price nothing
            now = datetime.now(UTC)
            own = rng.choice([book.pk, None])
            self.rates[coin.code] = rates.record(coin.code, "EUR", price, "test", now, own)

    def live_a_story(self) -> None:
        coin = self.rng.choice(self.coins)
        base_units = self.rng.choice([self.rng.randrange(1, 1000), self.rng.randrange(1, 10**20), 1])
        customer = chart.customer(self.book.pk, self.rng.choice(["", "ann", "ben"]), coin)
        receipt = [Leg(self._vault(coin), debit=base_units), Leg(customer, credit=base_units)]
        ending = self.rng.choice(["open", "void", "settle", "settle", "reorg", "sale", "exchange"])
        if ending in {"sale", "exchange"}:
            journal.post(self._entry(receipt, coin))
            self._spend(ending, customer, coin, base_units)
            return
        seen = journal.record(self._entry(receipt, coin))
        if ending == "void":
            journal.void(self._resolution(seen))
        elif ending in {"settle", "reorg"}:
            settled = journal.settle(self._resolution(seen, coin))
            if ending == "reorg":
                journal.reverse(self._resolution(settled))

    def close_a_month(self) -> None:
        change(self.book.pk, date(2026, 1, 31), reason="January is over", asked_by="ann", approved_by="ben")

    def _spend(self, ending: str, customer: Account, coin: Asset, base_units: int) -> None:
        legs = [Leg(customer, debit=base_units), Leg(chart.sales(self.book.pk, coin), credit=base_units)]
        if ending == "exchange":
            other = next(one for one in self.coins if one != coin)
            till = chart.open_account(self.book.pk, "equity:exchange", "Exchange", other, Account.Kind.EQUITY)
            legs += [Leg(self._vault(other), debit=7), Leg(till, credit=7)]
        journal.post(self._entry(legs, coin))

    def _vault(self, coin: Asset) -> Account:
        return chart.open_account(self.book.pk, "assets:vault", "Vault, no chain behind it", coin, Account.Kind.ASSET)

    def _entry(self, legs: Sequence[Leg], coin: Asset) -> Entry:
        self.facts += 1
        return Entry(
            book_id=self.book.pk,
            idem=f"fact {self.facts}",
            legs=legs,
            effective_at=self._moment(),
            description=self.rng.choice(["A receipt", "Zwölf Stück", 'quoted "\\ and \t tabbed', "\u0001 control"]),
            source="test",
            rate_id=self.rates[coin.code].pk if self.rng.random() < 0.7 else None,
            meta=self.rng.choice([{}, {"customer": "ann", "n": 1.50}, {"née": ["\u2028", None, True]}]),
            carry=True,
        )

    def _resolution(self, entry: int, coin: Asset | None = None) -> Resolution:
        self.facts += 1
        return Resolution(
            book_id=self.book.pk,
            entry=entry,
            idem=f"fact {self.facts}",
            effective_at=self._moment(),
            description="What became of it",
            source="test",
            rate_id=self.rates[coin.code].pk if coin else None,
            carry=True,
        )

    def _moment(self) -> datetime:
        return BEGINNING + timedelta(seconds=self.rng.randrange(90 * 86400), microseconds=self.rng.randrange(10**6))
