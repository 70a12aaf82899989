"""A merchant's terms: what holds where an invoice says nothing else; and quotes, which keep what they were made of."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from cryptopay.payments import lifecycle
from cryptopay.payments.lifecycle import NewInvoice
from cryptopay.payments.models import Invoice, Terms
from cryptopay.payments.quotes import quoted_price
from cryptopay.payments.status import state_of
from ledger import rates
from ledger.models import Book
from tests.cryptopay.payments.conftest import Ticker

pytestmark = pytest.mark.django_db


def opened(book: Book, **asked: object) -> Invoice:
    order = NewInvoice(**{"amount": "60", "currency": "EUR", "methods": ["BTC"], **asked})  # type: ignore[arg-type]
    return lifecycle.open_invoice(book, order).invoice


def seconds(invoice: Invoice) -> int:
    return round((invoice.expires_at - timezone.now()).total_seconds())


def test_without_terms_nothing_is_added(alice: Book) -> None:
    invoice = opened(alice)
    method = invoice.methods.get()
    assert (method.due_base_units, method.spread, invoice.tolerance) == (100_000, 0, 0)
    assert 890 <= seconds(invoice) <= 900


def test_terms_hold_where_an_invoice_says_nothing_else(alice: Book) -> None:
    Terms.objects.create(book=alice, tolerance=Decimal("0.02"), expires_in_seconds=3600)
    invoice, other = opened(alice), opened(alice, tolerance="0", expires_in_seconds=60)
    assert (invoice.tolerance, other.tolerance) == (Decimal("0.02"), 0)
    assert 3590 <= seconds(invoice) <= 3600
    assert seconds(other) <= 60


def test_the_spread_makes_a_coin_count_less(alice: Book) -> None:
    """60 EUR at 60,000 less one per cent: 60 / 59,400 = 0.00101010..., rounded up."""
    Terms.objects.create(book=alice, spread=Decimal("0.01"))
    method = state_of(opened(alice)).methods[0]
    assert method.due.base_units == 101_011
    assert method.rate is not None
    assert (method.rate.price, method.quote.spread, method.quoted_price) == (60000, Decimal("0.01"), 59400)


def test_an_invoice_in_a_coin_has_no_spread(alice: Book) -> None:
    Terms.objects.create(book=alice, spread=Decimal("0.01"))
    method = state_of(opened(alice, amount="0.001", currency="BTC")).methods[0]
    assert (method.due.base_units, method.quote.spread, method.quoted_price) == (100_000, 0, None)


def test_a_quote_stays_whatever_rates_and_terms_do(alice: Book) -> None:
    """Asked for again, it is the same quote; another coin of the same invoice is priced anew."""
    terms = Terms.objects.create(book=alice, spread=Decimal("0.01"))
    invoice = opened(alice)
    before = invoice.methods.values().get()
    terms.spread = Decimal("0.05")
    terms.save()
    for coin, price in (("BTC", "61000"), ("ETH", "3100")):
        rates.record(coin, "EUR", Decimal(price), "later", timezone.now())
    lifecycle.choose_method(invoice.pk, alice, "BTC")
    assert invoice.methods.values().get() == before
    ether = lifecycle.choose_method(invoice.pk, alice, "ETH")
    assert ether.rate is not None
    assert (ether.rate.price, ether.spread) == (3100, Decimal("0.05"))


def test_what_comes_after_the_lock_is_credit_in_its_coin_at_no_price_of_ours(alice: Book, bitcoin: Ticker) -> None:
    invoice = opened(alice, customer_ref="ann")
    Invoice.objects.filter(pk=invoice.pk).update(expires_at=timezone.now())
    rates.record("BTC", "EUR", Decimal(120_000), "later", timezone.now())
    bitcoin.see(invoice, 100_000, mined=True)
    bitcoin.bury()
    bitcoin.drain()
    shown = state_of(Invoice.objects.get())
    assert (shown.invoice.status, shown.invoice.exception) == ("new", "paid_late")
    assert (shown.methods[0].paid.base_units, shown.methods[0].due.base_units) == (0, 100_000)


def test_a_price_less_a_spread_is_exact() -> None:
    price = Decimal("12345678901234567890.123456789012345678")
    assert quoted_price(price, Decimal("0.0001")) == Decimal("12344444333344444433.3344444433334444434322")


@pytest.mark.parametrize(
    "wrong",
    [{"spread": Decimal("-0.01")}, {"spread": Decimal("0.51")}, {"tolerance": Decimal(1)}, {"expires_in_seconds": 59}],
)
def test_the_database_refuses_what_no_terms_are(alice: Book, wrong: dict[str, Decimal]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Terms.objects.create(book=alice, **wrong)
