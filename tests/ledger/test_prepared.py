"""A single entry by itself goes straight through libpq: what the driver does elsewhere holds here, too."""

import os
import socket
import threading
from dataclasses import replace
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import DataError, OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.test.utils import CaptureQueriesContext

from ledger import errors, journal, rates
from ledger.models import JournalEntry
from ledger.prepared import Prepared
from tests.ledger.conftest import NOON, Shop

pytestmark = pytest.mark.django_db(transaction=True)


def test_no_cursor_stands_between(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the tests below would prove what all others prove."""

    def execute(*_: object) -> None:
        raise AssertionError("a cursor was used")

    with monkeypatch.context() as patched:
        patched.setattr(CursorWrapper, "execute", execute)
        entry_id = journal.post(shop.receipt(5))
    assert JournalEntry.objects.get().pk == entry_id


def test_an_entry_is_what_was_said(shop: Shop) -> None:
    rate = rates.record("BTC", "EUR", Decimal("90000"), "test", NOON)
    said = replace(
        shop.receipt(2**200, idem='quote " and ü \\'),
        description="%s $1 'x'",
        rate_id=rate.pk,
        meta={"txid": "ab", "invoice": "inv_1", "order": 'n"7', "note": "\\ %s"},
    )
    entry = JournalEntry.objects.get(pk=journal.post(said))
    assert (entry.idem, entry.description, entry.meta) == (said.idem, said.description, said.meta)
    assert (entry.rate_id, entry.effective_at, entry.source) == (rate.pk, NOON, "test")
    assert (entry.txid, entry.invoice_ref, entry.order_ref) == ("ab", "inv_1", 'n"7')
    assert shop.holds(shop.custody).posted == 2**200
    assert journal.post(said) == entry.pk


def test_refusals_are_the_ledgers_own(shop: Shop) -> None:
    with pytest.raises(errors.BelowFloor) as refusal:
        journal.post(shop.payout(1))
    assert str(refusal.value) == "the balance, less what is promised, would fall below the account's floor"
    said = shop.receipt(5)
    journal.post(said)
    with pytest.raises(errors.IdempotencyConflict, match="exists with other contents"):
        journal.post(replace(said, source="another"))
    assert JournalEntry.objects.count() == 1


@pytest.mark.parametrize("column", ["idem", "description", "source"])
def test_text_is_not_cut_at_a_nul(shop: Shop, column: str) -> None:
    with pytest.raises(DataError):
        journal.post(replace(shop.receipt(5), **{column: "begin\0end"}))
    assert not JournalEntry.objects.exists()


def test_what_the_driver_had_the_server_forget_is_prepared_again(shop: Shop) -> None:
    journal.post(shop.receipt(5))
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    journal.post(shop.receipt(5))
    for number in range(10):  # from the fifth on the driver has something of its own to forget
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s", [number])
    with transaction.atomic():
        JournalEntry.objects.count()
        transaction.set_rollback(True)
    JournalEntry.objects.count()
    journal.post(shop.receipt(5))
    assert shop.holds(shop.custody).posted == 15


def test_a_new_connection_serves_as_well(shop: Shop) -> None:
    journal.post(shop.receipt(5))
    connection.close()
    journal.post(shop.receipt(5))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    _end(pid)
    with pytest.raises(OperationalError):
        journal.post(shop.receipt(5))
    connection.close()
    journal.post(shop.receipt(5))
    assert shop.holds(shop.custody).posted == 15


def test_a_server_that_is_gone_is_not_the_entrys_fault(shop: Shop) -> None:
    """Its word is missing then; callers say the entry again, as after any failed connection."""
    journal.post(shop.receipt(5))
    connection.ensure_connection()
    with socket.socket(fileno=os.dup(connection.connection.pgconn.socket)) as wire:
        wire.shutdown(socket.SHUT_RDWR)
    with pytest.raises(OperationalError):
        journal.post(shop.receipt(5))
    connection.close()
    journal.post(shop.receipt(5))
    assert shop.holds(shop.custody).posted == 10


def _end(pid: int) -> None:
    """From another connection, as the owner."""

    def kill() -> None:
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        connection.close()

    thread = threading.Thread(target=kill)
    thread.start()
    thread.join()


def test_in_a_transaction_it_is_undone_with_it(shop: Shop) -> None:
    with transaction.atomic():
        journal.post(shop.receipt(5))
        transaction.set_rollback(True)
    assert not JournalEntry.objects.exists()
    connection.set_autocommit(False)
    try:
        journal.post(shop.receipt(5))
        connection.rollback()
    finally:
        connection.set_autocommit(True)
    assert not JournalEntry.objects.exists()


def test_who_watches_statements_sees_it(shop: Shop) -> None:
    with CaptureQueriesContext(connection) as seen:
        journal.post(shop.receipt(5))
    assert ["ledger_transfer" in query["sql"] for query in seen.captured_queries] == [True]


def test_parameters_are_numbered_and_null_is_null() -> None:
    asked = Prepared(f"asked_{uuid4().hex}", "SELECT concat_ws('/', %s::text, %s::bigint, %s::text)", texts={0, 2})
    assert asked.value(["ü", None, "x"]) == asked.value(["ü", None, "x"]) == "ü/x"
