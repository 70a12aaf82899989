"""Prices by hand: who may say one, of which entries, and how the cost of coins follows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from ledger import journal, lots, manual, periods, pricing, proposals, rates
from ledger.errors import (
    EntryDerived,
    EntryPriced,
    PeriodClosed,
    RateInvalid,
    ReasonMissing,
    SecondPersonNeeded,
    UnknownAccount,
)
from ledger.journal import Leg
from ledger.models import CostMethod, EntryPrice, JournalEntry, PostedGain, Proposal
from tests.closing import change
from tests.ledger.conftest import Shop

pytestmark = pytest.mark.django_db


def received(shop: Shop, units: int = 10**6) -> JournalEntry:
    """A hundredth of a coin."""
    return JournalEntry.objects.get(pk=shop.received(units))


def test_an_unpriced_entry_waits_and_then_counts(shop: Shop) -> None:
    entry = received(shop)
    later = received(shop)
    assert lots.unpriced(shop.book, date(2026, 3, 1)) == lots.Unpriced(amounts=2, oldest_entry=entry.pk)
    pricing.price(later, shop.coin, Decimal(50_000), reason="From the exchange", by="ann")
    assert lots.unpriced(shop.book, date(2026, 3, 1)) == lots.Unpriced(amounts=1, oldest_entry=entry.pk)
    assert lots.unpriced(shop.book, date(2026, 2, 1)) is None
    assert periods.loose_ends(shop.book, date(2026, 3, 1)).unpriced == 1
    kept = pricing.price(entry, shop.coin, Decimal(50_000), reason="From the exchange", by="ann")
    assert isinstance(kept, EntryPrice)
    assert lots.up_to_date(shop.book, date(2026, 3, 1))
    assert {one.cost for one in lots.positions(shop.book, date(2026, 3, 1))} == {1_000_00, -1_000_00}
    assert lots.unpriced(shop.book, date(2026, 3, 1)) is None
    assert periods.loose_ends(shop.book, date(2026, 3, 1)).unpriced == 0


def test_above_the_limit_a_second_person_approves(shop: Shop) -> None:
    entry = received(shop, 10**8)
    proposal = pricing.price(entry, shop.coin, Decimal(50_000), reason="From the exchange", by="ann")
    assert isinstance(proposal, Proposal)
    assert pricing.price(entry, shop.coin, Decimal(50_000), reason="From the exchange", by="ann") == proposal
    assert not EntryPrice.objects.exists()
    with pytest.raises(SecondPersonNeeded):
        proposals.approve(proposal, by="Ann")
    proposals.approve(proposal, by="bob")
    (kept,) = EntryPrice.objects.all()
    assert (kept.by, kept.approved_by, kept.price, kept.proposal) == ("ann", "bob", 50_000, proposal)


def test_a_rate_stays_and_what_was_not_moved_has_no_price(shop: Shop, open_shop: Callable[..., Shop]) -> None:
    entry = received(shop)
    other = open_shop("Bob", "LTC").coin
    for asset, price, refusal in (
        (other, Decimal(1), UnknownAccount),
        (shop.coin, Decimal(0), RateInvalid),
        (shop.coin, Decimal("NaN"), RateInvalid),
    ):
        with pytest.raises(refusal):
            pricing.price(entry, asset, price, reason="r", by="ann")
    with pytest.raises(ReasonMissing):
        pricing.price(entry, shop.coin, Decimal(1), reason=" ", by="ann")
    rate = rates.record("BTC", "EUR", Decimal(9), "test", entry.effective_at)
    priced = journal.post(replace(shop.receipt(5, idem="with a rate"), rate_id=rate.pk))
    with pytest.raises(EntryPriced):
        pricing.price(JournalEntry.objects.get(pk=priced), shop.coin, Decimal(1), reason="r", by="ann")


def test_a_price_of_a_closed_day_stays(shop: Shop) -> None:
    entry = received(shop)
    change(shop.book.pk, date(2026, 3, 31))
    pricing.price(entry, shop.coin, Decimal(50_000), reason="It had none", by="ann")
    with pytest.raises(PeriodClosed):
        pricing.price(entry, shop.coin, Decimal(40_000), reason="Not so", by="ann")


def test_the_method_changes_from_an_open_day_on_with_a_reason(shop: Shop) -> None:
    change(shop.book.pk, date(2026, 3, 31))
    average = CostMethod.Method.AVERAGE
    with pytest.raises(PeriodClosed):
        pricing.choose_method(shop.book, average, date(2026, 3, 31), reason="The tax office", by="ann")
    with pytest.raises(ReasonMissing):
        pricing.choose_method(shop.book, average, date(2026, 4, 1), reason="", by="ann")
    pricing.choose_method(shop.book, average, date(2026, 4, 1), reason="The tax office", by="ann")
    rows = list(CostMethod.objects.order_by("-pk"))
    assert lots.method_of(rows, date(2026, 3, 31)) == CostMethod.Method.FIFO
    assert lots.method_of(rows, date(2026, 4, 1)) == average


def test_a_gain_is_not_reversed_by_hand(shop: Shop) -> None:
    bought = JournalEntry.objects.get(
        pk=journal.post(shop.entry(Leg(shop.custody, debit=100), Leg(shop.owner, credit=100)))
    )
    sold = JournalEntry.objects.get(
        pk=journal.post(shop.entry(Leg(shop.owner, debit=100), Leg(shop.custody, credit=100), minutes=5))
    )
    for entry, price in ((bought, 10**7), (sold, 3 * 10**7)):
        pricing.price(entry, shop.coin, Decimal(price), reason="From the exchange", by="ann")
    lots.derive(shop.book)
    (gain,) = PostedGain.objects.all()
    assert gain.gain == 20_00
    with pytest.raises(EntryDerived):
        manual.reverse(JournalEntry.objects.get(pk=gain.entry_id), reason="No gains here", by="ann")
