"""A shop's small story in its books, through the ledger's own verbs: what the reports of it must say is plain.

20 November   ann pays 3 BTC in, 1 BTC of an invoice over 119.00 EUR with 19 % tax is sold; a further 0.5 BTC is seen
21 November   she buys for 1 BTC without tax, the miner's fee of that day is 0.1 BTC
22 November   the first sale is taken back
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ledger import chart, journal, rates
from ledger.journal import Entry, Leg, Resolution
from ledger.models import Account, Asset, Book, Rate

FIRST, SECOND, THIRD = (datetime(2026, 11, day, 12, tzinfo=UTC) for day in (20, 21, 22))
COIN = 100_000_000
EVIL = '<script>alert("1")</script>'
FORMULA = "=HYPERLINK(0)"
TXID = "ab" * 32


@dataclass(frozen=True)
class Story:
    book: Book
    coin: Asset
    rate: Rate
    custody: Account
    customer: Account
    sales: Account
    fees: Account
    waiting: int
    """The entry that nothing has resolved."""


def tell(name: str = "Shop") -> Story:
    book = Book.objects.create(name=name)
    coin = chart.asset("BTC", "bitcoin-regtest", 8)
    chart.open_template(book.pk, "shop", [coin])
    custody, customer = chart.custody(book.pk, coin), chart.customer(book.pk, "ann", coin)
    sales, fees = chart.sales(book.pk, coin), chart.find(book.pk, "expense:network fees", coin)
    rate = rates.record("BTC", "EUR", Decimal("119.005"), "test", FIRST, book.pk)
    story = Story(book, coin, rate, custody, customer, sales, fees, 0)
    seen = journal.record(_entry(story, "seen", FIRST, custody, customer, 3 * COIN, meta={"txid": TXID}))
    journal.settle(resolution(story, "settle", seen, FIRST, rate_id=rate.pk, meta={"txid": TXID}))
    tax = {"invoice": "inv_1", "order": FORMULA, "tax": {"19": {"net": "100", "tax": "19"}}, "currency": "EUR"}
    sold = journal.post(_sale(story, "sale:1", FIRST, meta=tax))
    waiting = journal.record(_entry(story, "open", FIRST, custody, customer, COIN // 2, description=EVIL))
    journal.post(_sale(story, "sale:2", SECOND, meta={"invoice": "inv_2"}))
    journal.post(_entry(story, "fee", SECOND, fees, custody, COIN // 10))
    journal.reverse(resolution(story, "sale:1:reverse", sold, THIRD))
    return Story(book, coin, rate, custody, customer, sales, fees, waiting)


def _sale(story: Story, idem: str, at: datetime, meta: dict[str, Any]) -> Entry:
    return _entry(story, idem, at, story.customer, story.sales, COIN, source="invoice", meta=meta)


def _entry(
    story: Story, idem: str, at: datetime, debit: Account, credit: Account, base_units: int, **more: Any
) -> Entry:
    legs = [Leg(debit, debit=base_units), Leg(credit, credit=base_units)]
    told = {"description": idem, "source": "chain:bitcoin-regtest", **more}
    rate = None if idem in ("seen", "open") else story.rate.pk
    return Entry(book_id=story.book.pk, idem=idem, legs=legs, effective_at=at, rate_id=rate, **told)


def resolution(story: Story, idem: str, entry: int, at: datetime, **more: Any) -> Resolution:
    told = {"description": idem, "source": "invoice", **more}
    return Resolution(book_id=story.book.pk, entry=entry, idem=idem, effective_at=at, **told)
