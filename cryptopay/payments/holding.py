"""Invoices that one commit acts on: locked and read together, changed in memory, written at its end.

However many there are, a few statements. Nothing is read anew between two changes of an invoice: who holds it has all
of its payments at hand.
"""

from collections.abc import Collection, Mapping

from cryptopay.merchants.models import Customer
from cryptopay.payments import status
from cryptopay.payments.models import Invoice, Payment, PaymentMethod
from ledger.models import Asset, Book, Rate
from ledger.rows import Kept, among, join
from monitor.models import Deposit

MOVES = ("state", "pending_entry", "settled_entry")
"""Columns of what arrived that change."""
_QUOTES = PaymentMethod.objects.defer("chosen_at", "spread")
"""Of how a price came about nothing is asked here."""


class HeldInvoices:
    """Call `write` before the transaction ends."""

    def __init__(
        self, ids: Collection[int], deposits: Mapping[int, Deposit] | None = None, *, skip_locked: bool = False
    ) -> None:
        """Locks them in the order of their ids. `skip_locked`: without those that somebody else holds now.

        `deposits`, by their keys: those at hand.
        """
        locked = Invoice.objects.select_for_update(skip_locked=skip_locked).defer("created_at", "return_url")
        invoices = list(among(locked, "id", ids).order_by("pk")) if ids else []
        readings = status.read(invoices, _QUOTES, Payment.objects.defer("seen_at"))
        self.readings = {reading.invoice.pk: reading for reading in readings}
        self.methods = [method for reading in readings for method in reading.methods]
        self.payments = {
            payment.deposit_id: payment
            for reading in readings
            for method in reading.methods
            for payment in reading.payments[method.pk]
        }
        join(invoices, "book", Book)
        join(invoices, "customer", Customer)
        join(self.methods, "asset", Asset)
        join(self.methods, "rate", Rate)
        join(self.payments.values(), "asset", Asset)
        join(self.payments.values(), "deposit", Deposit, deposits)
        self._invoices = Kept(Invoice, invoices, ["status", "exception", "settlements"])
        self._payments = Kept(Payment, self.payments.values(), MOVES)

    def add(self, payment: Payment) -> None:
        """A new one, to one of the invoices."""
        self.payments[payment.deposit_id] = payment
        self.readings[payment.invoice_id].payments[payment.method_id].append(payment)
        self._payments.add(payment)

    def write(self) -> None:
        """Store what is new or differs."""
        self._payments.write()
        self._invoices.write()
