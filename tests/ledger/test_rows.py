"""Many rows in one statement, on the tables they are for."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import DataError, IntegrityError, connection
from django.db.models import Model
from pytest_django import DjangoAssertNumQueries

from cryptopay.merchants import onboarding
from cryptopay.payments.models import Invoice
from cryptopay.webhooks.models import Endpoint
from ledger import chart, rows
from ledger.models import Account, Asset, Book
from ledger.rows import Kept, RowsMissing
from monitor.models import Deposit, WatchedAddress
from tests import people
from tests.database import as_web

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 29, 12, 0, 0, 123456, UTC)
LARGEST = 2**256 - 1
HOSTILE = "\"quoted\", {braced}, \\slashed\\, 'single', NULL, 文字 \t\n"


@pytest.fixture
def book() -> Book:
    return people.merchant("Alice").test_book


def watched(book: Book, number: int = 0) -> WatchedAddress:
    destination = b'\x00{,}"\\NULL\xff' + bytes([number])
    return WatchedAddress(book=book, chain_code="ethereum-dev", address=f"0x{number}", destination=destination)


def deposit(watch: WatchedAddress, number: int = 0, base_units: int = 1) -> Deposit:
    place = {"block_time": NOON, "required_confirmations": None}
    return Deposit(
        book_id=watch.book_id, watched=watch, chain_code=watch.chain_code, key=f"{number}", txid=f"{number}",
        base_units=base_units, memo=HOSTILE, **place,
    )  # fmt: skip


def invoice(book: Book, **more: object) -> Invoice:
    times = {"expires_at": NOON, "monitored_until": NOON + timedelta(days=1)}
    usual = {"currency": "EUR", "amount": Decimal("25.000000000000000001")}
    return Invoice(book=book, **{**usual, **times, **more})


def stored(row: Model) -> Model:
    return type(row)._default_manager.get(pk=row.pk)


def test_every_kind_of_column_comes_back_as_it_was(
    book: Book, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    watches = [watched(book, number) for number in range(3)]
    new = [invoice(book, description=HOSTILE, metadata={"deep": [HOSTILE, 1, None, True, {}]}), invoice(book)]
    with django_assert_num_queries(3):
        rows.insert(watches)
        rows.insert(new)
        rows.insert([deposit(watches[0], 0, LARGEST), deposit(watches[1], 1)])
    assert [bytes(stored(row).destination) for row in watches] == [row.destination for row in watches]  # type: ignore[attr-defined]
    first, second = (Invoice.objects.get(pk=row.pk) for row in new)
    assert (first.description, first.metadata, first.amount) == (HOSTILE, new[0].metadata, new[0].amount)
    assert (first.expires_at, first.customer_id, second.metadata) == (NOON, None, {})
    assert first.public_id == new[0].public_id
    large = Deposit.objects.get(key="0")
    assert (large.base_units, large.memo, large.block_time, large.block_height) == (LARGEST, HOSTILE, NOON, None)


def test_what_is_left_to_the_database_it_gives(book: Book) -> None:
    row = watched(book)
    rows.insert([row])
    found = WatchedAddress.objects.get(pk=row.pk)
    assert found.own is True
    assert abs(found.created_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_stored_row_is_saved_as_any_other(book: Book) -> None:
    row = invoice(book)
    rows.insert([row])
    row.order_id = "A 1"
    row.save()
    assert Invoice.objects.get(pk=row.pk).order_id == "A 1"


def test_what_is_too_long_is_refused_and_not_cut(book: Book) -> None:
    with pytest.raises(DataError):
        rows.insert([invoice(book, currency="E" * 17)])


def test_constraints_hold(book: Book) -> None:
    with pytest.raises(IntegrityError):
        rows.insert([invoice(book, amount=Decimal(-1))])


def test_a_float_is_refused(book: Book) -> None:
    watch = watched(book)
    rows.insert([watch])
    with pytest.raises(TypeError, match="no float near money"):
        rows.insert([deposit(watch, base_units=0.1)])  # type: ignore[arg-type]


def test_of_stored_rows_the_named_fields_change(book: Book, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    made = [invoice(book), invoice(book), invoice(book)]
    rows.insert(made)
    for number, row in enumerate(made):
        row.status, row.order_id, row.metadata = Invoice.Status.SETTLED, "not written", {"n": number}
    with django_assert_num_queries(1):
        rows.update(made[:2], ["status", "metadata"])
    found = list(Invoice.objects.order_by("pk").values_list("status", "order_id", "metadata"))
    assert found == [("settled", "", {"n": 0}), ("settled", "", {"n": 1}), ("new", "", {})]


def test_rows_that_are_not_there_are_an_error(book: Book) -> None:
    row = invoice(book)
    rows.insert([row])
    gone = invoice(book)
    gone.pk = row.pk + 1
    with pytest.raises(RowsMissing):
        rows.update([row, gone], ["status"])


def test_rows_of_another_book_are_not_there(book: Book) -> None:
    row = invoice(people.merchant("Bob").test_book)
    rows.insert([row])
    row.order_id = "taken over"
    with as_web():
        connection.connection.execute(f"SET LOCAL app.book = '{book.pk}'")
        with pytest.raises(RowsMissing):
            rows.update([row], ["order_id"])


def test_nothing_costs_nothing(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        rows.insert([])
        rows.update([], ["status"])
        Kept(Invoice, [], ["status"]).write()


def test_among_is_one_array(book: Book) -> None:
    made = [watched(book, number) for number in range(4)]
    rows.insert(made)
    wanted = [made[0].destination, made[2].destination, b"unknown"]
    assert set(rows.among(WatchedAddress.objects.all(), "destination", wanted)) == {made[0], made[2]}
    endpoint = rows.among(Endpoint.objects.select_related("book"), "public_id", [HOSTILE])
    assert not endpoint.exists()


def test_joined_rows_are_made_once(book: Book, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    assets = [chart.asset("BTC", "bitcoin", 8), chart.asset("LTC", "litecoin", 8)]
    accounts = [chart.sales(book.pk, asset) for asset in assets] + [chart.custody(book.pk, assets[0])]
    accounts = list(Account.objects.order_by("pk"))
    with django_assert_num_queries(1):
        rows.join(accounts, "asset", Asset, {assets[1].pk: assets[1]})
        assert [account.asset.code for account in accounts] == ["BTC", "LTC", "BTC"]
    assert accounts[0].asset is accounts[2].asset
    assert accounts[1].asset is assets[1]
    customer = onboarding.customer(book, "ann")
    made = [invoice(book), invoice(book, customer=customer)]
    rows.join(made, "customer", type(customer))
    assert [row.customer for row in made] == [None, customer]


def test_kept_rows_are_written_if_they_are_new_or_differ(
    book: Book, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    old = [invoice(book), invoice(book)]
    rows.insert(old)
    kept = Kept(Invoice, old, ["status", "exception"])
    kept.add(invoice(book, order_id="new"))
    old[1].status = Invoice.Status.EXPIRED
    with django_assert_num_queries(2):
        kept.write()
    assert list(Invoice.objects.order_by("pk").values_list("status", "order_id")) == [
        ("new", ""), ("expired", ""), ("new", "new"),
    ]  # fmt: skip
    assert [row.order_id for row in kept.rows] == ["", "", "new"]
