"""Past Python: the same rules by raw SQL, for everyone who has a connection."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import CharField, Model, Value
from django.db.models.functions import Cast

from ledger import errors, journal
from ledger.appendonly import RowIsPermanent
from ledger.errors import from_database
from ledger.models import Account, AccountDay, Balance, JournalEntry, Posting, Rate
from ledger.money import BaseUnitsField
from tests.database import as_owner
from tests.ledger.conftest import NOON, Shop

pytestmark = pytest.mark.django_db

_NOON = NOON.isoformat()

ENTRY = """INSERT INTO ledger_journalentry
    (book_id, idem, idem_hash, kind, ref_id, legs, effective_at, recorded_at, source, description, meta)
    VALUES (%s, %s, '', %s, %s, %s, now(), now(), 'sql', 'by hand', '{}') RETURNING id"""
VALUES = "(%s, %s, %s, %s, %s, %s, %s, %s, 0, %s, now())"
POSTING = f"""INSERT INTO ledger_posting
    (book_id, entry_id, leg, account_id, asset_id, layer, debit, credit, balance_after, account_seq, effective_at)
    VALUES {VALUES}"""  # noqa: S608


def _sql(statement: str, *arguments: object) -> Any:
    with transaction.atomic(), connection.cursor() as sql:
        sql.execute(statement, arguments)
        return sql.fetchone()[0] if sql.description else None


def _state(statement: str, *arguments: object) -> str:
    """SQLSTATE of the refusal."""
    with pytest.raises(DatabaseError) as refusal:
        _sql(statement, *arguments)
    return str(getattr(refusal.value.__cause__, "sqlstate", None))


@pytest.fixture
def undone() -> Iterator[None]:
    """What the test wrote would fail the checks at the end of its transaction."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _checks_now() -> None:
    """What a commit would check."""
    with transaction.atomic(), connection.cursor() as sql:
        sql.execute("SET CONSTRAINTS ALL IMMEDIATE")
        sql.execute("SET CONSTRAINTS ALL DEFERRED")


def _entry(shop: Shop, legs: int = 2, idem: str = "by hand", kind: int = 1, ref: int | None = None) -> int:
    return int(_sql(ENTRY, shop.book.pk, idem, kind, ref, legs))


def _posting(shop: Shop, entry: int, leg: int, debit: object = 0, credit: object = 0, **other: Any) -> None:
    _postings(shop, entry, [(leg, debit, credit, other)])


def _postings(shop: Shop, entry: int, legs: list[tuple[int, object, object, dict[str, Any]]]) -> None:
    """Written by one statement, as an entry's legs must be."""
    rows: list[object] = []
    for leg, debit, credit, other in legs:
        account = other.get("account", shop.owner)
        rows += [other.get("book", shop.book.pk), entry, leg, account.pk, other.get("asset", account.asset_id)]
        rows += [other.get("layer", 0), debit, credit, other.get("seq", 1000 + leg)]
    _sql(POSTING + f", {VALUES}" * (len(legs) - 1), *rows)


def _both(shop: Shop, entry: int, debit: object, credit: object) -> None:
    _postings(shop, entry, [(1, debit, 0, {}), (2, 0, credit, {})])


def test_a_balanced_entry_by_hand_is_let_through(shop: Shop) -> None:
    """Else the refusals below would prove nothing."""
    _both(shop, _entry(shop), 5, 5)
    _checks_now()


@pytest.mark.parametrize(
    "legs",
    [
        [(5, 0, 0), (0, 4, 0)],
        [(5, 0, 0)],
        [(5, 0, 0), (5, 0, 0)],
        [],
        [(5, 0, 0), (0, 5, 1)],
        [(5, 0, 0), (0, 5, 0), (3, 0, 1), (0, 2, 2)],
    ],
)
@pytest.mark.usefixtures("undone")
def test_an_unbalanced_entry_is_refused(shop: Shop, legs: list[tuple[int, int, int]]) -> None:
    """Legs are looked at when they are written, an entry without any at commit."""
    entry = _entry(shop, legs=max(2, len(legs)))
    rows = [(n, debit, credit, {"layer": layer}) for n, (debit, credit, layer) in enumerate(legs, 1)]
    with pytest.raises(DatabaseError) as refusal:
        _postings(shop, entry, rows) if rows else _checks_now()
    assert getattr(refusal.value.__cause__, "sqlstate", None) == "LG001"
    found = from_database(refusal.value)
    assert isinstance(found, errors.Unbalanced)


@pytest.mark.django_db(transaction=True)
def test_an_unbalanced_entry_is_never_committed(shop: Shop) -> None:
    def write() -> None:
        with transaction.atomic():
            _both(shop, _entry(shop), 5, 4)

    with pytest.raises(DatabaseError, match="debits and credits differ"):
        write()
    with pytest.raises(DatabaseError, match="has not all of its legs"):
        _entry(shop)
    assert not JournalEntry.objects.exists()
    assert not Posting.objects.exists()


def test_a_leg_that_comes_late_is_refused(shop: Shop) -> None:
    entry = shop.received(5)
    assert _state(POSTING, shop.book.pk, entry, 3, shop.owner.pk, shop.coin.pk, 0, 5, 0, 99) == "LG001"
    assert _state(POSTING, shop.book.pk, entry, 0, shop.owner.pk, shop.coin.pk, 0, 5, 0, 99) == "LG001"
    assert _state(POSTING, shop.book.pk, entry, 2, shop.owner.pk, shop.coin.pk, 0, 5, 0, 99) == "23505"


@pytest.mark.parametrize("table", ["ledger_journalentry", "ledger_posting", "ledger_rate"])
@pytest.mark.parametrize(
    "statement",
    ["UPDATE {} SET id = id", "UPDATE {} SET effective_at = now()", "DELETE FROM {}", "TRUNCATE {} CASCADE"],
)
def test_no_row_of_the_record_is_changed_or_removed(shop: Shop, table: str, statement: str) -> None:
    shop.received(5)
    Rate.objects.create(asset_code="BTC", currency="EUR", price=1, source="test", observed_at=NOON)
    if table == "ledger_rate":
        statement = statement.replace("effective_at", "observed_at")
    # Constraints that still wait would refuse a TRUNCATE by themselves.
    _checks_now()
    assert _state(statement.format(table)) == "42501"  # the application has no right to
    with as_owner():
        assert _state(statement.format(table)) == "23001"


def test_emptying_a_table_the_record_hangs_on_is_refused(shop: Shop) -> None:
    shop.received(5)
    _checks_now()
    with as_owner():
        assert _state("TRUNCATE ledger_book CASCADE") == "23001"


@pytest.mark.parametrize("model", [JournalEntry, Posting])
def test_python_refuses_by_its_own_words(shop: Shop, model: type[JournalEntry] | type[Posting]) -> None:
    shop.received(5)
    row = model.objects.first()
    assert row is not None
    for change in (
        row.save,
        row.delete,
        lambda: model.objects.update(book=shop.book),
        model.objects.all().delete,
        lambda: model.objects.bulk_update([row], ["book"]),
        lambda: model.objects.update_or_create(pk=row.pk, defaults={"book": shop.book}),
    ):
        with pytest.raises(RowIsPermanent) as refusal, transaction.atomic():
            change()
        assert refusal.value.code == "row_is_permanent"


@pytest.mark.usefixtures("undone")
def test_a_posting_has_the_asset_of_its_account(open_shop: Callable[..., Shop]) -> None:
    shop, ether = open_shop(), open_shop("Charlie", "ETH", 18)
    entry = _entry(shop)
    other = (shop.book.pk, entry, 1, shop.owner.pk, ether.coin.pk, 0, 5, 0, 1)
    assert _state(POSTING, *other) == "23503"


@pytest.mark.usefixtures("undone")
def test_a_posting_is_of_one_book(open_shop: Callable[..., Shop]) -> None:
    alice, charlie = open_shop("Alice"), open_shop("Charlie")
    entry = _entry(alice)
    others_account = (alice.book.pk, entry, 1, charlie.owner.pk, alice.coin.pk, 0, 5, 0, 1)
    others_entry = (charlie.book.pk, entry, 1, charlie.owner.pk, alice.coin.pk, 0, 5, 0, 1)
    assert _state(POSTING, *others_account) == "23503"
    assert _state(POSTING, *others_entry) == "23503"


@pytest.mark.parametrize(
    ("debit", "credit", "layer"), [(0, 0, 0), (1, 1, 0), (-1, 0, 0), (0, -1, 0), (1, 0, 3), (1, 0, -1), ("NaN", 0, 0)]
)
@pytest.mark.usefixtures("undone")
def test_a_posting_is_one_debit_or_one_credit_in_a_layer_there_is(
    shop: Shop, debit: object, credit: object, layer: int
) -> None:
    entry = _entry(shop)
    state = _state(POSTING, shop.book.pk, entry, 1, shop.owner.pk, shop.coin.pk, layer, debit, credit, 1)
    assert state == "LG002"


@pytest.mark.parametrize("kind", [0, 6, 32767])
def test_an_entry_is_of_a_kind_there_is(shop: Shop, kind: int) -> None:
    assert _state(ENTRY, shop.book.pk, "by hand", kind, None, 2) == "23514"


def test_only_what_resolves_refers_and_it_must(shop: Shop) -> None:
    posted = shop.received(5)
    for kind in (1, 2):
        assert _state(ENTRY, shop.book.pk, "by hand", kind, posted, 2) == "23514"
    for kind in (3, 4, 5):
        assert _state(ENTRY, shop.book.pk, "by hand", kind, None, 2) == "23514"
    assert _state(ENTRY, shop.book.pk, "by hand", 1, None, 1) == "23514"


def test_an_entry_by_hand_resolves_one_of_its_own_book(open_shop: Callable[..., Shop]) -> None:
    alice, charlie = open_shop("Alice"), open_shop("Charlie")
    theirs = journal.record(charlie.receipt(5))
    for nobodys in (theirs, 2**62):
        assert _state(ENTRY, alice.book.pk, "by hand", 3, nobodys, 2) == "23503"


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "1899-12-31", "99999-01-01"])
def test_an_entry_by_hand_has_a_date_that_can_be_read_again(shop: Shop, moment: str) -> None:
    assert _state(ENTRY.replace("now(), now()", f"'{moment}', now()"), shop.book.pk, "by hand", 1, None, 2) == "23514"


@pytest.mark.parametrize("notes", ["[]", "null", '"text"'])
def test_an_entrys_notes_by_hand_are_an_object(shop: Shop, notes: str) -> None:
    assert _state(ENTRY.replace("'{}'", f"'{notes}'"), shop.book.pk, "by hand", 1, None, 2) == "23514"


def test_an_entry_by_hand_is_found_by_what_its_notes_say(shop: Shop) -> None:
    notes = '{"txid": "ab", "invoice": "inv_1", "order": "7"}'
    entry = _sql(ENTRY.replace("'{}'", f"'{notes}'"), shop.book.pk, "by hand", 1, None, 2)
    _both(shop, entry, 5, 5)
    found = JournalEntry.objects.get(txid="ab", invoice_ref="inv_1", order_ref="7")
    assert found.pk == entry


def test_a_second_resolution_by_hand_is_refused(shop: Shop) -> None:
    pending = journal.record(shop.receipt(5))
    settled = journal.settle(shop.of(pending))
    journal.reverse(shop.of(settled))
    assert _state(ENTRY, shop.book.pk, "by hand", 4, pending, 2) == "23505"
    assert _state(ENTRY, shop.book.pk, "by hand", 5, settled, 2) == "23505"


@pytest.mark.parametrize("column", ["posted", "pending_out", "floor", "pending_in"])
@pytest.mark.parametrize("by", [-1, 1])
def test_no_balance_falls_below_its_floor_by_hand(shop: Shop, column: str, by: int) -> None:
    row = Balance.objects.filter(account=shop.customer)
    with as_owner():
        if (column, by) in {("posted", 1), ("pending_in", 1), ("floor", -1)}:
            assert row.update(**{column: by}) == 1
        else:
            with pytest.raises(IntegrityError), transaction.atomic():
                row.update(**{column: by})


@pytest.mark.parametrize("table", [Balance, AccountDay])
@pytest.mark.parametrize("verb", ["UPDATE {} SET book_id = book_id", "DELETE FROM {}", "INSERT INTO {} DEFAULT VALUES"])
def test_the_application_moves_no_balance_by_itself(shop: Shop, table: type[Model], verb: str) -> None:
    assert _state(verb.format(table._meta.db_table)) == "42501"


@pytest.mark.parametrize("column", ["posted", "pending_in", "pending_out"])
def test_no_balance_is_not_a_number(shop: Shop, column: str) -> None:
    not_a_number = Cast(Value("NaN", output_field=CharField()), BaseUnitsField())
    with as_owner(), pytest.raises(IntegrityError), transaction.atomic():
        Balance.objects.filter(account=shop.owner).update(**{column: not_a_number})


def test_an_account_keeps_its_book_asset_and_kind(open_shop: Callable[..., Shop]) -> None:
    shop, other = open_shop(), open_shop("Charlie", "ETH", 18)
    for change in ({"book": other.book}, {"asset": other.coin}, {"kind": "L"}):
        with pytest.raises(IntegrityError, match="keeps its book"), transaction.atomic():
            Account.objects.filter(pk=shop.custody.pk).update(**change)


def test_an_entrys_notes_are_kept_as_json(shop: Shop) -> None:
    said = {"order": 'a"b\\u0000', "n": "12345678901234567890"}
    entry = shop.receipt(1)
    pk = journal.post(type(entry)(**{name: getattr(entry, name) for name in entry.__slots__} | {"meta": said}))
    assert json.loads(json.dumps(JournalEntry.objects.get(pk=pk).meta)) == said


def test_no_setting_switches_a_guard_off(shop: Shop) -> None:
    """The triggers' library would skip those that `pgtrigger.ignore` names."""
    shop.received(5)
    with connection.cursor() as sql:
        sql.execute("SELECT set_config('pgtrigger.ignore', array_agg(tgname)::text, true) FROM pg_trigger")
    assert _state("UPDATE ledger_account SET code = 'other'") == "23001"
    assert _state("DELETE FROM ledger_account") == "23001"
    late = JournalEntry.objects.get().pk
    assert _state(POSTING, shop.book.pk, late, 3, shop.owner.pk, shop.coin.pk, 0, 5, 0, 99) == "LG001"
