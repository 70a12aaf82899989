"""One invoice, paid in several coins: shares are exact, dust is less than a base unit, and all of it is somebody's."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopay.payments import lifecycle, status
from cryptopay.payments.lifecycle import NewInvoice
from cryptopay.payments.models import Invoice, Payment, PaymentMethod
from cryptopay.payments.status import Reading, state_of
from ledger import balances, chart
from ledger.models import Asset, Book
from tests.cryptopay.payments.conftest import Ticker

_DUE = st.integers(min_value=1, max_value=10**24)
_PARTS = st.lists(
    st.tuples(_DUE, st.fractions(min_value=0, max_value=2, max_denominator=10**6)), min_size=1, max_size=6
)
"""Due in each coin, and the share of it that was paid there."""


def reading(parts: list[tuple[int, Fraction]]) -> Reading:
    """As it is held in memory; each share is paid in two transactions."""
    methods = [PaymentMethod(pk=n, asset_id=n, due_base_units=due) for n, (due, _) in enumerate(parts, 1)]
    payments = {}
    for method, (due, share) in zip(methods, parts, strict=True):
        paid = int(due * share)
        payments[method.pk] = [
            Payment(asset_id=method.asset_id, base_units=units, state=Payment.State.CONFIRMED)
            for units in (paid // 3, paid - paid // 3)
        ]
    return Reading(Invoice(), methods, payments, {})


@given(_PARTS)
def test_threat_24_what_is_sold_and_what_is_left_is_what_was_paid(parts: list[tuple[int, Fraction]]) -> None:
    held = reading(parts)
    due = {method.pk: method.due_base_units for method in held.methods}
    paid = {pk: sum(payment.base_units for payment in rows) for pk, rows in held.payments.items()}
    sold = dict.fromkeys(due, 0) | {method.pk: units for method, units in status.sold_shares(held)}
    assert all(0 <= sold[pk] <= paid[pk] for pk in due)
    shares = sum(Fraction(sold[pk], due[pk]) for pk in due)
    if sum(Fraction(paid[pk], due[pk]) for pk in due) <= 1:
        assert sold == paid
    else:  # the last coin that is taken is taken to the unit: what is too much is less than one of its base units
        last = max(pk for pk in due if sold[pk])
        assert 1 <= shares < 1 + Fraction(1, due[last])


@given(_PARTS)
def test_threat_24_what_remains_is_enough_and_not_a_unit_too_much(parts: list[tuple[int, Fraction]]) -> None:
    """In whichever coin it is paid."""
    held = reading(parts)
    share = status.share(held, status.COUNTED)
    for method in held.methods:
        remaining = status.remaining(method, share)
        assert share + Fraction(remaining, method.due_base_units) >= 1
        assert remaining == 0 or share + Fraction(remaining - 1, method.due_base_units) < 1


@pytest.mark.django_db
def test_a_part_in_one_coin_and_the_rest_in_another(alice: Book, bitcoin: Ticker, ethereum: Ticker) -> None:
    order = NewInvoice(amount="60", currency="EUR", methods=["BTC", "ETH"], customer_ref="ann")
    invoice = lifecycle.open_invoice(alice, order).invoice
    bitcoin.see(invoice, 33_333, mined=True)
    bitcoin.bury()
    bitcoin.drain()
    shown = state_of(Invoice.objects.get())
    assert (shown.invoice.status, shown.invoice.exception) == ("new", "paid_partial")
    left = {method.asset.code: method.remaining for method in shown.methods}
    # 0.00066667 BTC, or 0.66667 of 0.02 ETH
    assert (left["BTC"].base_units, left["ETH"].base_units) == (66_667, 13_333_400_000_000_000)
    assert shown.methods[0].uri.endswith("?amount=0.00066667")
    ethereum.see(invoice, left["ETH"].base_units, mined=True)
    ethereum.bury(100)
    ethereum.drain()
    shown = state_of(Invoice.objects.get())
    assert (shown.invoice.status, shown.invoice.exception) == ("settled", "none")
    assert [method.remaining.base_units for method in shown.methods] == [0, 0]
    for coin, sold in (("BTC", 33_333), ("ETH", left["ETH"].base_units)):
        asset = Asset.objects.get(code=coin)
        assert balances.balance(chart.find(alice.pk, "income:sales", asset)).posted == sold
        assert balances.balance(chart.customer(alice.pk, "ann", asset)).posted == 0
