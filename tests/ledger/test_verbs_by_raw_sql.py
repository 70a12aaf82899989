"""The verbs' functions called by raw SQL with what no Python of ours would send: each refused by its SQLSTATE."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from ledger import chart, journal
from ledger.models import Book, JournalEntry, Posting, Rate
from tests.closing import change
from tests.ledger.conftest import NOON, Shop

pytestmark = pytest.mark.django_db

_NOON = NOON.isoformat()
_LONG = "x" * 301
TRANSFER = """SELECT ledger_transfer(
    %s, %s, %s::smallint, %s::timestamptz, false, %s::bigint, %s, %s, %s::jsonb, %s::bigint, %s::bigint, %s::numeric)"""

RESOLVE = """SELECT ledger_write_batch(
    %s, null, array[%s], array[%s]::smallint[], array[%s]::bigint[], array[null], array[now()], array[false],
    array[null]::bigint[], array['sql'], array['by hand'], array['{}']::jsonb[], '{}', '{}', '{}', '{}')"""


def _sql(statement: str, *arguments: object) -> Any:
    """With what a commit would check."""
    with transaction.atomic(), connection.cursor() as sql:
        sql.execute(statement, arguments)
        found = sql.fetchone()[0] if sql.description else None
        sql.execute("SET CONSTRAINTS ALL IMMEDIATE")
        sql.execute("SET CONSTRAINTS ALL DEFERRED")
    return found


def _state(statement: str, *arguments: object) -> str:
    """SQLSTATE of the refusal."""
    with pytest.raises(DatabaseError) as refusal:
        _sql(statement, *arguments)
    return str(getattr(refusal.value.__cause__, "sqlstate", None))


def _transfer(shop: Shop, **changed: object) -> tuple[object, ...]:
    good = {
        "book": shop.book.pk,
        "idem": "raw",
        "kind": 1,
        "effective_at": _NOON,
        "rate": None,
        "source": "sql",
        "description": "By hand",
        "meta": "{}",
        "debited": shop.custody.pk,
        "credited": shop.customer.pk,
        "amount": "1",
    }
    return tuple({**good, **changed}.values())


def test_a_transfer_by_hand_is_let_through(shop: Shop) -> None:
    """Else the refusals below would prove nothing."""
    assert _sql(TRANSFER, *_transfer(shop)) == _sql(TRANSFER, *_transfer(shop))
    assert _state(TRANSFER, *_transfer(shop, amount="2")) == "LG005"


@pytest.mark.parametrize("kind", [1, 2])
@pytest.mark.parametrize(
    ("changed", "state"),
    [
        *(
            ({"amount": wrong}, "LG002")
            for wrong in (None, "0", "-1", "1.5", 0.5, "NaN", "Infinity", "-Infinity", "1e78")
        ),
        ({"idem": None}, "23502"),
        ({"idem": "x" * 301}, "22001"),
        ({"effective_at": None}, "23502"),
        ({"effective_at": "infinity"}, "23514"),
        ({"effective_at": "-infinity"}, "23514"),
        ({"rate": 2**62}, "23503"),
        ({"source": None}, "23502"),
        ({"description": None}, "23502"),
        ({"meta": None}, "23502"),
        ({"meta": "[]"}, "23514"),
        ({"debited": None}, "LG003"),
        ({"credited": None}, "LG003"),
        ({"credited": 2**62}, "LG003"),
        ({"book": 2**30}, "LG003"),
        ({"book": None}, "LG003"),
    ],
)
def test_a_bad_transfer_is_refused_by_its_state_and_leaves_nothing(
    shop: Shop, changed: dict[str, object], state: str, kind: int
) -> None:
    assert _state(TRANSFER, *_transfer(shop, kind=kind, **changed)) == state
    assert not JournalEntry.objects.exists()


def test_a_transfer_is_of_two_open_accounts_of_one_book_and_asset(open_shop: Callable[..., Shop]) -> None:
    shop, other = open_shop(), open_shop("Charlie")
    ether = chart.custody(shop.book.pk, chart.asset("ETH", "eth-chain", 18))
    assert _state(TRANSFER, *_transfer(shop, credited=other.owner.pk)) == "LG003"
    assert _state(TRANSFER, *_transfer(shop, credited=ether.pk)) == "LG001"
    assert _state(TRANSFER, *_transfer(shop, credited=shop.custody.pk)) == "LG002"
    assert _state(TRANSFER, *_transfer(shop, debited=shop.customer.pk, credited=shop.custody.pk)) == "23514"
    for kind in (None, 0, 3, 4, 5, 6):
        assert _state(TRANSFER, *_transfer(shop, kind=kind)) == "LG002"
    _sql("UPDATE ledger_account SET closed_at = now() WHERE id = %s", shop.customer.pk)
    assert _state(TRANSFER, *_transfer(shop)) == "LG004"
    assert not JournalEntry.objects.exists()


def test_resolutions_are_refused_by_raw_sql(shop: Shop) -> None:
    pending, posted = journal.record(shop.receipt(5)), shop.received(5)

    def state(entry: int, kind: int, idem: str = "raw") -> str:
        return _state(RESOLVE, shop.book.pk, idem, kind, entry)

    for kind in (0, 1, 2, 6):
        assert state(pending, kind) == "LG002"
    for kind in (3, 4):
        assert state(posted, kind) == "LG006"
    _sql(RESOLVE, shop.book.pk, "first", 3, pending)
    assert state(pending, 4, "second") == "LG007"
    assert state(pending, 4, "first") == "LG005"
    assert state(pending, 5) == "LG008"
    _sql(RESOLVE, shop.book.pk, "third", 5, posted)
    assert state(posted, 5, "fourth") == "LG009"


BATCH = {
    "book": "bigint",
    "ids": "bigint[]",
    "idems": "text[]",
    "kinds": "smallint[]",
    "refs": "bigint[]",
    "ref_idems": "text[]",
    "effective_at": "timestamptz[]",
    "carry": "boolean[]",
    "rates": "bigint[]",
    "sources": "text[]",
    "descriptions": "text[]",
    "metas": "jsonb[]",
    "leg_entries": "integer[]",
    "accounts": "bigint[]",
    "debits": "numeric[]",
    "credits": "numeric[]",
}
WRITE_BATCH = f"SELECT ledger_write_batch({', '.join(f'%s::{kind}' for kind in BATCH.values())})"


def _batch(shop: Shop, **changed: object) -> dict[str, object]:
    """Two good entries, one posted and one pending, but for what is changed."""
    good = {
        "book": shop.book.pk,
        "ids": [-2, -1],
        "idems": ["one", "two"],
        "kinds": [1, 2],
        "refs": [None, None],
        "ref_idems": [None, None],
        "effective_at": [NOON, NOON],
        "carry": [False, False],
        "rates": [None, None],
        "sources": ["sql", "sql"],
        "descriptions": ["By hand", "By hand"],
        "metas": ["{}", "{}"],
        "leg_entries": [1, 1, 2, 2],
        "accounts": [shop.custody.pk, shop.customer.pk] * 2,
        "debits": ["1", "0"] * 2,
        "credits": ["0", "1"] * 2,
    }
    return {**good, **changed}


def _batch_state(arguments: dict[str, object]) -> str:
    return _state(WRITE_BATCH, *arguments.values())


def test_a_batch_by_hand_is_let_through(shop: Shop) -> None:
    """Else the refusals below would prove nothing."""
    assert len(set(_sql(WRITE_BATCH, *_batch(shop).values()))) == 2


def test_an_empty_batch_writes_nothing(shop: Shop) -> None:
    lists = len(BATCH) - 1
    assert _sql(WRITE_BATCH, shop.book.pk, *[[]] * lists) == []
    assert _state(WRITE_BATCH, shop.book.pk, *[None] * lists) == "LG015"
    assert _sql(WRITE_BATCH, shop.book.pk, None, *[[]] * (lists - 1)) == []
    assert not JournalEntry.objects.exists()


@pytest.mark.parametrize("name", [name for name in BATCH if name != "book"])
@pytest.mark.parametrize("cut", ["short", "long", "null"])
def test_lists_of_a_batch_that_do_not_fit_together_are_refused(shop: Shop, name: str, cut: str) -> None:
    if (name, cut) == ("ids", "null"):
        return  # they are taken from the sequence then
    good = _batch(shop)[name]
    assert isinstance(good, list)
    wrong = {"short": good[:-1], "long": [*good, good[-1]], "null": None}[cut]
    assert _batch_state(_batch(shop, **{name: wrong})) in ("LG015", "LG002", "LG003")
    assert not JournalEntry.objects.exists()


@pytest.mark.parametrize(
    ("name", "shifted"),
    [("kinds", "[0:1]={1,2}"), ("effective_at", f"[0:1]={{{_NOON},{_NOON}}}"), ("sources", "[2:3]={sql,sql}")],
)
def test_a_batchs_lists_begin_at_one(shop: Shop, name: str, shifted: str) -> None:
    assert _batch_state(_batch(shop, **{name: shifted})) == "LG015"


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({"book": None}, "LG003"),
        ({"book": 2**30}, "LG003"),
        ({"idems": ["one", None]}, "23502"),
        ({"idems": ["one", _LONG]}, "22001"),
        ({"idems": ["one", "one"]}, "LG005"),
        ({"kinds": [1, None]}, "LG002"),
        ({"kinds": [1, 0]}, "LG002"),
        ({"kinds": [1, -1]}, "LG002"),
        ({"kinds": [1, 6]}, "LG002"),
        ({"kinds": [1, 3]}, "LG006"),
        ({"kinds": [1, 4]}, "LG006"),
        ({"kinds": [1, 5]}, "LG008"),
        ({"ref_idems": [None, "nothing"]}, "LG002"),
        ({"refs": [None, 2**62]}, "LG002"),
        ({"effective_at": [NOON, None]}, "23502"),
        ({"effective_at": [_NOON, "infinity"]}, "23514"),
        ({"effective_at": [_NOON, "-infinity"]}, "23514"),
        ({"effective_at": [_NOON, "99999-01-01 00:00+00"]}, "23514"),
        ({"effective_at": [_NOON, "0044-03-15 00:00+00 BC"]}, "23514"),
        ({"rates": [None, 2**62]}, "23503"),
        ({"sources": ["sql", None]}, "23502"),
        ({"sources": ["sql", "x" * 65]}, "22001"),
        ({"descriptions": ["By hand", None]}, "23502"),
        ({"descriptions": ["By hand", _LONG]}, "22001"),
        ({"metas": ["{}", None]}, "23502"),
        ({"metas": ["{}", "null"]}, "23514"),
        ({"metas": ["{}", "[1]"]}, "23514"),
        ({"metas": ["{}", '"text"']}, "23514"),
        ({"leg_entries": [1, 1, 2, 3]}, "LG015"),
        ({"leg_entries": [1, 1, 2, 0]}, "LG015"),
        ({"leg_entries": [1, 1, 2, -1]}, "LG015"),
        ({"leg_entries": [1, 1, 2, None]}, "LG015"),
        ({"leg_entries": [1, 1, 1, 1]}, "LG001"),
        ({"leg_entries": [1, 1, 1, 2]}, "LG001"),
        ({"accounts": [None, None, None, None]}, "LG003"),
        ({"debits": ["1", "0", None, "0"]}, "LG002"),
        ({"debits": ["1", "0", "0", "0"]}, "LG002"),
        ({"debits": ["1", "0", "2", "0"]}, "LG001"),
        ({"debits": ["1", "0", "1", "1"]}, "LG002"),
        *(
            ({"debits": ["1", "0", wrong, "0"], "credits": ["0", "1", "0", wrong]}, "LG002")
            for wrong in ("1.5", "-1", "NaN", "Infinity", "-Infinity", "1e78")
        ),
        *(
            ({"debits": [1.0, 0.0, wrong, 0.0], "credits": [0.0, 1.0, 0.0, wrong]}, "LG002")
            for wrong in (0.5, -1.0, float("nan"), float("inf"))
        ),
        ({"debits": ["0", "1", "1", "0"], "credits": ["1", "0", "0", "1"]}, "23514"),
    ],
)
def test_a_bad_batch_is_refused_by_its_state_and_leaves_nothing(
    shop: Shop, changed: dict[str, object], state: str
) -> None:
    assert _batch_state(_batch(shop, **changed)) == state
    assert not JournalEntry.objects.exists()
    assert not Posting.objects.exists()


def test_a_batch_names_entries_and_accounts_of_its_own_book_in_one_way(open_shop: Callable[..., Shop]) -> None:
    shop, other = open_shop("Alice"), open_shop("Charlie")
    mine, theirs = journal.record(shop.receipt(5, idem="mine")), journal.record(other.receipt(5, idem="theirs"))
    legs = {"leg_entries": [1, 1], "debits": ["1", "0"], "credits": ["0", "1"]}
    settling = _batch(shop, kinds=[1, 3], **legs, accounts=[shop.custody.pk, shop.customer.pk])
    rows = JournalEntry.objects.count()
    assert _batch_state({**settling, "refs": [None, theirs]}) == "LG006"
    assert _batch_state({**settling, "ref_idems": [None, "theirs"]}) == "LG006"
    assert _batch_state({**settling, "refs": [None, mine], "ref_idems": [None, "mine"]}) == "LG015"
    assert _batch_state({**settling, "refs": [None, mine], "leg_entries": [1, 2]}) == "LG015"
    strangers = [shop.custody.pk, other.customer.pk] * 2
    assert _batch_state(_batch(shop, accounts=strangers)) == "LG003"
    assert _batch_state(_batch(other, book=shop.book.pk)) == "LG003"
    assert JournalEntry.objects.count() == rows
    assert _sql(WRITE_BATCH, *{**settling, "refs": [None, mine]}.values())


def test_a_batch_into_a_closed_period_or_account_is_refused(shop: Shop) -> None:
    change(shop.book.pk, NOON.date())
    late = NOON + timedelta(days=1)
    assert _batch_state(_batch(shop, effective_at=[late, NOON])) == "LG011"
    assert _batch_state(_batch(shop, effective_at=[late, NOON], carry=[True, None])) == "LG011"
    _sql("UPDATE ledger_account SET closed_at = now() WHERE id = %s", shop.customer.pk)
    assert _batch_state(_batch(shop, effective_at=[late, late])) == "LG004"
    assert not JournalEntry.objects.exists()


def test_another_books_rate_is_refused(shop: Shop, open_shop: Callable[..., Shop]) -> None:
    def rate_of(book: Book | None) -> int:
        found = Rate.objects.create(
            book=book, asset_code="BTC", currency="EUR", price=1, source="test", observed_at=NOON
        )
        return found.pk

    assert _state(TRANSFER, *_transfer(shop, rate=rate_of(open_shop("Charlie").book))) == "23503"
    assert _sql(TRANSFER, *_transfer(shop, rate=rate_of(shop.book), idem="mine"))
    assert _sql(TRANSFER, *_transfer(shop, rate=rate_of(None), idem="the platform's"))
