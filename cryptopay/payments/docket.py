"""All that one commit of the intake is about: what its events' addresses were given for, and what arrived there before.

Read together at the beginning, changed in memory, written together at the end: a few statements, however many events.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import TypeVar

from cryptopay.payments import assets
from cryptopay.payments.holding import MOVES, HeldInvoices
from cryptopay.payments.models import (
    Credit,
    CustomerAddress,
    Payment,
    PaymentMethod,
    SharedAccount,
    UnassignedReceipt,
)
from cryptopay.payments.status import Reading
from cryptopay.webhooks import outbox
from ledger import chart, journal
from ledger.models import Account, Asset
from ledger.rows import Kept, among
from monitor.models import ChainEvent

Place = CustomerAddress | SharedAccount
_Receipt = TypeVar("_Receipt", Credit, UnassignedReceipt)


class Docket:
    """Locks the invoices it is about. Call `write` before the transaction ends."""

    def __init__(self, events: Sequence[ChainEvent]) -> None:
        watched = sorted({event.deposit.watched_id for event in events})
        asked = among(PaymentMethod.objects.all(), "watched", watched)
        at_hand = {event.deposit_id: event.deposit for event in events}
        self._invoices = HeldInvoices(set(asked.values_list("invoice_id", flat=True)), at_hand)
        self._methods = {method.watched_id: method for method in self._invoices.methods}
        own = among(CustomerAddress.objects.select_related("customer", "address"), "watched", watched)
        self.customers = {row.watched_id: row for row in own.prefetch_related("book")}
        shared = among(SharedAccount.objects.select_related("book", "watched"), "watched", watched)
        self._accounts = {row.watched_id: row for row in shared}
        deposits = {event.deposit_id for event in events if self.place(event)}
        self._credits, self._unassigned = _arrived(Credit, deposits), _arrived(UnassignedReceipt, deposits)
        receipts: list[Credit | UnassignedReceipt] = [*self._credits.rows, *self._unassigned.rows]
        self._receipts = {row.deposit_id: row for row in receipts}
        self._accounts_of: dict[int, list[Account]] = defaultdict(list)
        self._foresee_accounts(events)
        if 2 * len(events) >= journal.AT_ONCE:
            self._foresee_many(events)

    def method(self, event: ChainEvent) -> PaymentMethod | None:
        """Of the invoice that the deposit's address was given to."""
        return self._methods.get(event.deposit.watched_id)

    def reading(self, method: PaymentMethod) -> Reading:
        """Its invoice."""
        return self._invoices.readings[method.invoice_id]

    def place(self, event: ChainEvent) -> Place | None:
        """Where the deposit arrived, if that is no invoice's address."""
        watched_id = event.deposit.watched_id
        return self.customers.get(watched_id) or self._accounts.get(watched_id)

    def payment(self, event: ChainEvent) -> Payment | None:
        """As which the deposit was taken in."""
        return self._invoices.payments.get(event.deposit_id)

    def receipt(self, event: ChainEvent) -> Credit | UnassignedReceipt | None:
        """As which the deposit was taken in, where it is for no invoice."""
        return self._receipts.get(event.deposit_id)

    def add_payment(self, payment: Payment) -> None:
        self._invoices.add(payment)

    def add_receipt(self, receipt: Credit | UnassignedReceipt) -> None:
        self._receipts[receipt.deposit_id] = receipt
        if isinstance(receipt, Credit):
            self._credits.add(receipt)
        else:
            self._unassigned.add(receipt)

    def write(self) -> None:
        """Store what is new or differs."""
        self._invoices.write()
        self._credits.write()
        self._unassigned.write()

    def _foresee_accounts(self, events: Sequence[ChainEvent]) -> None:
        """Of the customers that coins are seen for: many may be new."""
        wanted: dict[tuple[int, Asset], set[str]] = defaultdict(set)
        for event in events:
            if event.kind == ChainEvent.Kind.SEEN:
                method, address = self.method(event), self.customers.get(event.deposit.watched_id)
                owner = self.reading(method).invoice.customer if method else address.customer if address else None
                if owner is not None:
                    wanted[event.book_id, assets.of_deposit(event.deposit)].add(owner.external_ref)
        for (book_id, asset), references in wanted.items():
            self._accounts_of[book_id] += chart.foresee_customers(book_id, references, asset)

    def _foresee_many(self, events: Sequence[ChainEvent]) -> None:
        """So many are written batch by batch, each while the next is reckoned: nothing is asked between them, and all
        balances are locked in one order before the first."""
        invoices = [reading.invoice for reading in self._invoices.readings.values()]
        outbox.foresee([(invoice.book_id, invoice.public_id) for invoice in invoices])
        booked = [event for event in events if self.method(event) or self.place(event)]
        for book_id, asset in {(event.book_id, assets.of_deposit(event.deposit)) for event in booked}:
            self._accounts_of[book_id] += chart.foresee_payments(book_id, asset)
        entries: dict[int, list[int]] = defaultdict(list)
        for arrival in (*self._invoices.payments.values(), *self._receipts.values()):
            entries[arrival.book_id].append(arrival.settled_entry_id or arrival.pending_entry_id)
        for book_id in sorted({*self._accounts_of, *entries}):
            journal.hold_balances(book_id, self._accounts_of[book_id], entries[book_id])


def _arrived(model: type[_Receipt], deposits: set[int]) -> Kept[_Receipt]:
    return Kept(model, among(model.objects.prefetch_related("asset"), "deposit", deposits) if deposits else (), MOVES)
