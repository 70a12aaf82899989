"""Whom a payer asks about money that came late, was too much, or stayed too little; and what closed invoices say."""

import html
import re
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from cryptopay.checkout.headlines import Tone, headline
from cryptopay.payments import interventions
from cryptopay.payments.models import Invoice, Payment, Terms
from cryptopay.payments.status import state_of

BTC = "BTC@bitcoin-regtest"
BY_HAND = {"reason": "Asked by phone", "by": "Zoë"}


def _text(client: Client, invoice: Invoice) -> str:
    return html.unescape(client.get(f"/pay/{invoice.public_id}").content.decode())


def _headline(text: str) -> str:
    found = re.search(r'id="headline">([^<]*)<', text)
    assert found
    return found[1]


def _link(text: str) -> str:
    found = re.search(r'id="claim-link" href="([^"]*)"', text)
    return found[1] if found else ""


def _contact(till: Any, contact: str) -> None:
    till.merchant.contact = contact
    till.merchant.save()


@pytest.mark.parametrize(
    ("contact", "link"),
    [
        ("zoe@cafe.example", "mailto:zoe@cafe.example?subject=A%20%26%2017"),
        ("https://cafe.example/help", "https://cafe.example/help"),
        ("", ""),
    ],
)
def test_a_surplus_is_claimed_at_the_shop_by_the_orders_number(
    client: Client, till: Any, contact: str, link: str
) -> None:
    _contact(till, contact)
    invoice = till.open(BTC, order_id="A & 17")
    till.pay(invoice, "1.5")
    assert "Your money" not in _text(client, invoice), "nothing is received yet"
    till.mine(2)
    text = _text(client, invoice)
    assert "The surplus is kept for you at \u2068Café Zoë\u2069." in text
    assert '<code id="reference">A & 17</code>' in text
    assert _link(text) == link


def test_a_late_payment_is_claimed_once_it_is_received(client: Client, till: Any) -> None:
    """Without an order's number the invoice's own names it. What was dropped is nobody's to claim."""
    _contact(till, "zoe@cafe.example")
    invoice = till.open(BTC)
    till.pass_deadline(invoice)
    till.pay(invoice)
    text = _text(client, invoice)
    assert "Once the network confirms it, your money is kept for you" in text
    till.mine(2)
    text = _text(client, invoice)
    assert "What you sent is kept for you" in text
    assert f'<code id="reference">{invoice.public_id}</code>' in text
    assert _link(text).endswith(f"?subject={invoice.public_id}")
    Payment.objects.filter(invoice=invoice).update(state=Payment.State.DROPPED)
    assert "Your money" not in _text(client, invoice)


@pytest.mark.parametrize("share", ["0", "1"])
def test_whoever_paid_nothing_or_what_was_due_has_nothing_to_claim(client: Client, till: Any, share: str) -> None:
    invoice = till.open(BTC)
    if share == "1":
        till.pay(invoice)
        till.mine(2)
    else:
        till.pass_deadline(invoice)
    assert "Your money" not in _text(client, invoice)


def test_what_came_in_part_until_the_deadline_is_claimed(client: Client, till: Any) -> None:
    invoice = till.open(BTC)
    till.pay(invoice, "0.5")
    till.mine(2)
    till.pass_deadline(invoice)
    assert "What you sent is kept for you" in _text(client, invoice)


def test_a_cancelled_invoice_is_not_paid_and_what_comes_all_the_same_is_claimed(client: Client, till: Any) -> None:
    invoice = till.open(BTC)
    interventions.cancel(invoice.pk, till.book, **BY_HAND)
    text = _text(client, invoice)
    assert _headline(text) == "The shop has cancelled this invoice"
    assert "<svg" not in text
    assert "Asked by phone" not in text, "the reason is the shop's own"
    till.pay(invoice)
    till.mine(2)
    assert "What you sent is kept for you" in _text(client, invoice)


def test_an_invoice_marked_by_hand_is_what_the_shop_says(client: Client, till: Any) -> None:
    settled, invalid = till.open(BTC), till.open(BTC)
    till.pay(settled, "0.9")
    interventions.mark(settled.pk, till.book, Invoice.Status.SETTLED, **BY_HAND)
    interventions.mark(invalid.pk, till.book, Invoice.Status.INVALID, **BY_HAND)
    text = _text(client, settled)
    assert _headline(text) == "Paid"
    assert "The shop has accepted the payment." in text
    text = _text(client, invalid)
    assert _headline(text) == "This invoice is closed"
    assert "<svg" not in text


def test_a_status_of_tomorrow_says_that_it_is_closed(till: Any) -> None:
    """A word that the page does not know yet never asks anybody to pay."""
    state = state_of(till.open(BTC))
    assert headline("forgiven", state, state.methods[0]).tone == Tone.CARE
    assert headline("forgiven", state, state.methods[0]).text == "This invoice is closed"


def test_the_rate_says_its_source_and_when_it_was_fixed(client: Client, till: Any) -> None:
    invoice = till.open(BTC)
    (method,) = state_of(invoice).methods
    assert method.rate
    assert method.fixed_at
    words = re.sub("[\u2068\u2069]", "", _text(client, invoice))
    assert "1 BTC = 80,000 EUR" in words
    source, fixed = f"Rate of {method.rate.source}, {method.rate.observed_at:%H:%M} UTC", f"{method.fixed_at:%H:%M} UTC"
    assert f"{source}; fixed for this invoice at {fixed}" in words


def test_what_the_merchant_takes_off_the_rate_is_said(client: Client, till: Any) -> None:
    """The price stands as it counts: the amount divided by it is what is due."""
    Terms.objects.create(book=till.book, spread=Decimal("0.025"))
    words = re.sub("[\u2068\u2069]", "", _text(client, till.open(BTC, amount="78.00")))
    assert "1 BTC = 78,000 EUR" in words
    assert ": 80,000 EUR, less 2.5 %; fixed for this invoice at" in words
    assert '<span id="amount">0.001</span>' in words
