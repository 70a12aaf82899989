"""Past Python: the same rules by raw SQL, for everyone who has a connection."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Model

from ledger import journal, tenancy
from ledger.appendonly import RowIsPermanent
from ledger.models import Account, AccountDay, Balance, JournalEntry, Posting, Rate
from tests.database import as_owner, as_web
from tests.ledger.conftest import NOON, Shop

pytestmark = pytest.mark.django_db

_INSERTS = {
    "ledger_journalentry": """INSERT INTO ledger_journalentry
        (book_id, idem, idem_hash, kind, legs, effective_at, recorded_at, source, description, meta, node, xid)
        SELECT book_id, 'by hand', idem_hash, kind, legs, effective_at, recorded_at, source, '', meta, node, xid
        FROM ledger_journalentry""",
    "ledger_posting": """INSERT INTO ledger_posting
        (book_id, entry_id, leg, account_id, asset_id, layer, debit, credit, balance_after, account_seq, effective_at)
        SELECT book_id, entry_id, leg + 2, account_id, asset_id, layer, debit, credit, balance_after, account_seq + 1,
               effective_at FROM ledger_posting""",
}


def _sql(statement: str, *arguments: object) -> Any:
    with transaction.atomic(), connection.cursor() as sql:
        sql.execute(statement, arguments)
        return sql.fetchone()[0] if sql.description else None


def _state(statement: str, *arguments: object) -> str:
    """SQLSTATE of the refusal."""
    with pytest.raises(DatabaseError) as refusal:
        _sql(statement, *arguments)
    return str(getattr(refusal.value.__cause__, "sqlstate", None))


def _checks_now() -> None:
    """What a commit would check."""
    with transaction.atomic(), connection.cursor() as sql:
        sql.execute("SET CONSTRAINTS ALL IMMEDIATE")
        sql.execute("SET CONSTRAINTS ALL DEFERRED")


@pytest.mark.parametrize("table", _INSERTS)
def test_the_verbs_alone_write_the_books(shop: Shop, table: str) -> None:
    """What they refuse, and by which state: test_verbs_by_raw_sql."""
    shop.received(5)
    assert _state(_INSERTS[table]) == "42501"
    with as_web(), tenancy.book(shop.book.pk):
        assert _state(_INSERTS[table]) == "42501"
    with as_owner():
        _sql(_INSERTS[table])  # else the refusals would prove nothing
        transaction.set_rollback(True)


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


@pytest.mark.parametrize("column", ["posted", "pending_out", "floor"])
@pytest.mark.parametrize("by", [-1, 1])
def test_no_balance_falls_below_its_floor_by_hand(shop: Shop, column: str, by: int) -> None:
    row = Balance.objects.filter(account=shop.customer)
    with as_owner():
        if (column, by) in {("posted", 1), ("pending_out", -1), ("floor", -1)}:
            assert row.update(**{column: by}) == 1
        else:
            with pytest.raises(IntegrityError), transaction.atomic():
                row.update(**{column: by})


@pytest.mark.parametrize("table", [Balance, AccountDay])
@pytest.mark.parametrize("verb", ["UPDATE {} SET book_id = book_id", "DELETE FROM {}", "INSERT INTO {} DEFAULT VALUES"])
def test_the_application_moves_no_balance_by_itself(shop: Shop, table: type[Model], verb: str) -> None:
    assert _state(verb.format(table._meta.db_table)) == "42501"


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
