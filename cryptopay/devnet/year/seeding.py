"""Writes a year into an empty book: a day's entries in a few batches, by the verbs that write every other entry."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from random import Random  # noqa: TID251 - predictable on purpose

from django.db import transaction
from ulid import ULID

from cryptopay.devnet.year import orders
from cryptopay.devnet.year.desk import Desk
from cryptopay.devnet.year.market import COINS, Market, days_of
from cryptopay.devnet.year.orders import Order, Story
from cryptopay.merchants.models import Customer
from cryptopay.payments.models import Invoice
from ledger import chart, journal
from ledger.currencies import money_of
from ledger.errors import LedgerError
from ledger.journal import Entry, Leg, Resolution
from ledger.models import Book, JournalEntry
from ledger.remembering import remembering
from ledger.rows import insert

Kind = JournalEntry.Kind


class BookNotEmpty(LedgerError):
    """A year is written into a book in which nothing is written yet."""

    code = "book_not_empty"


class Year:
    """`write` it once. The same seed and size are the same year; `days` ends it early."""

    def __init__(self, book: Book, year: int, payments: int, seed: int, days: int | None = None) -> None:
        self._book, self._days, self._payments = book, days_of(year)[:days], payments
        self._chance = Random(seed)  # noqa: S311 - nobody's secret
        self._assets = {coin.code: chart.asset(coin.code, coin.chain, coin.decimals) for coin in COINS}
        self._market = Market(book, year, self._chance)
        self._desk = Desk(book, self._assets, money_of(book), self._market)
        self._customers: dict[str, Customer] = {}

    def write(self) -> Iterator[date]:
        """Day by day, as each is written; one commit a day. Raises `BookNotEmpty`."""
        if JournalEntry.objects.filter(book=self._book).exists():
            raise BookNotEmpty("this book has entries: a year is written into an empty one")
        self._open_accounts()
        self._post(list(self._desk.open_the_year(self._days[0])))
        first = 0
        for number, day in enumerate(self._days, 1):
            last = self._payments * number // len(self._days)
            with transaction.atomic(), remembering():
                self._write_day(day, range(first, last))
            first = last
            yield day

    def _open_accounts(self) -> None:
        chart.open_template(self._book.pk, "shop", self._assets.values())
        names = [f"customer-{number:03}" for number in range(orders.CUSTOMERS)]
        rows = [
            Customer(book_id=self._book.pk, external_ref=name, name=name.capitalize(), created_at=self._midnight(0))
            for name in names
        ]
        insert(rows)
        self._customers = {row.external_ref: row for row in rows}

    def _write_day(self, day: date, numbers: Sequence[int]) -> None:
        told = list(orders.of_day(day, numbers, self._market, self._assets, self._chance))
        for code, asset in self._assets.items():
            named = {order.customer for order in told if order.coin.code == code}
            chart.foresee_customers(self._book.pk, sorted(named), asset)
        self._post([self._seen(order, 1) for order in told])
        self._post([entry for order in told for entry in self._resolved(order)])
        self._post([entry for order in told for entry in self._sold(order, 1)])
        self._post([entry for order in told for entry in self._taken_back(order)])
        self._post([self._seen(order, 2) for order in told if order.story == Story.REORGED])
        again = [order for order in told if order.story == Story.REORGED]
        self._post([self._confirmed(order, 2, order.confirmed_again_at) for order in again])
        self._post([entry for order in again for entry in self._sold(order, 2)])
        insert([self._invoice(order) for order in told])
        for order in told:
            if order.story not in (Story.LOST, Story.DROPPED):
                self._desk.custody[order.coin.code] += order.paid
            if order.surplus and order.customer:
                self._desk.surplus[order.customer, order.coin.code] += order.surplus
        self._post(list(self._desk.of_day(day, self._chance)))

    def _post(self, entries: Sequence[Entry | Resolution]) -> None:
        if entries:
            journal.post_batch(entries)

    def _seen(self, order: Order, appearance: int) -> Entry:
        asset = self._assets[order.coin.code]
        return Entry(
            book_id=self._book.pk,
            idem=self._idem(order, "seen", appearance),
            legs=[
                Leg(chart.custody(self._book.pk, asset), debit=order.paid),
                Leg(chart.customer(self._book.pk, order.customer, asset), credit=order.paid),
            ],
            effective_at=order.seen_at if appearance == 1 else order.reorged_at + timedelta(minutes=1),
            description=f"Payment for order {order.number:06}",
            source=f"chain:{order.coin.chain}",
            meta=self._meta(order, appearance),
            pending=True,
        )

    def _resolved(self, order: Order) -> Iterator[Resolution]:
        if order.story == Story.DROPPED:
            yield self._resolution(order, Kind.VOID, "seen", "void", "Dropped", order.confirmed_at)
        else:
            yield self._confirmed(order, 1, order.confirmed_at)

    def _confirmed(self, order: Order, appearance: int, at: datetime) -> Resolution:
        rate = self._market.at(order.coin, at).rate
        return self._resolution(order, Kind.SETTLE, "seen", "settle", "Received", at, appearance, rate.pk)

    def _sold(self, order: Order, appearance: int) -> Iterator[Entry]:
        """At the rate it was quoted at."""
        if not (order.is_sold or order.story == Story.LOST):
            return
        asset = self._assets[order.coin.code]
        yield Entry(
            book_id=self._book.pk,
            idem=self._idem(order, "sale", appearance),
            legs=[
                Leg(chart.customer(self._book.pk, order.customer, asset), debit=order.due),
                Leg(chart.sales(self._book.pk, asset), credit=order.due),
            ],
            effective_at=(order.confirmed_at if appearance == 1 else order.confirmed_again_at) + timedelta(seconds=1),
            description=f"Sale of order {order.number:06}",
            source="invoice",
            rate_id=order.quoted.rate.pk,
            meta=self._references(order),
        )

    def _taken_back(self, order: Order) -> Iterator[Resolution]:
        if order.story in (Story.REORGED, Story.LOST):
            at = order.reorged_at
            yield self._resolution(order, Kind.REVERSE, "sale", "sale:reverse", "Sale taken back", at)
            yield self._resolution(order, Kind.REVERSE, "settle", "reverse", "Taken back by a reorg", at)

    def _resolution(
        self,
        order: Order,
        kind: Kind,
        of: str,
        word: str,
        what: str,
        at: datetime,
        appearance: int = 1,
        rate_id: int | None = None,
    ) -> Resolution:
        return Resolution(
            book_id=self._book.pk,
            entry=self._idem(order, of, appearance),
            idem=self._idem(order, word, appearance),
            effective_at=at,
            description=f"{what}: order {order.number:06}",
            source=f"chain:{order.coin.chain}",
            rate_id=rate_id,
            meta=self._meta(order, appearance),
            kind=kind,
        )

    def _invoice(self, order: Order) -> Invoice:
        status, exception = {
            Story.EXACT: ("settled", "none"),
            Story.OVERPAID: ("settled", "paid_over"),
            Story.PARTIAL: ("expired", "paid_partial"),
            Story.LATE: ("expired", "paid_late"),
            Story.REORGED: ("settled", "none"),
            Story.LOST: ("expired", "none"),
            Story.DROPPED: ("expired", "none"),
        }[order.story]
        return Invoice(
            book_id=self._book.pk,
            public_id=_public_id(self._book, order),
            customer_id=self._customers[order.customer].pk if order.customer else None,
            order_id=f"{order.number:06}",
            description=f"Order {order.number:06}",
            amount=f"{order.cents // 100}.{order.cents % 100:02}",
            currency=self._book.currency,
            status=status,
            exception=exception,
            settlements={Story.EXACT: 1, Story.OVERPAID: 1, Story.REORGED: 2, Story.LOST: 1}.get(order.story, 0),
            created_at=order.ordered_at,
            expires_at=order.ordered_at + timedelta(minutes=15),
            monitored_until=order.ordered_at + timedelta(days=1),
        )

    def _meta(self, order: Order, appearance: int) -> dict[str, str]:
        txid = f"{self._book.pk:08x}{order.number:048x}{appearance:08x}"
        return {**self._references(order), "chain": order.coin.chain, "txid": txid, "key": f"{txid}:0"}

    def _references(self, order: Order) -> dict[str, str]:
        found = {"invoice": _public_id(self._book, order), "order": f"{order.number:06}", "customer": order.customer}
        return {name: value for name, value in found.items() if value}

    def _idem(self, order: Order, word: str, appearance: int) -> str:
        return f"year:{order.number}:{word}:{appearance}"

    def _midnight(self, number: int) -> datetime:
        return datetime.combine(self._days[number], time(), UTC)


def _public_id(book: Book, order: Order) -> str:
    """The same each time; of the moment it was ordered, as every invoice's is."""
    moment = int(order.ordered_at.timestamp() * 1000)
    return f"inv_{ULID.from_bytes(moment.to_bytes(6) + book.pk.to_bytes(5) + order.number.to_bytes(5))}".lower()
