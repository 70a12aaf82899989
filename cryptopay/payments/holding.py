"""Invoices that one commit acts on: locked and read together, changed in memory, written at its end.

However many there are, a few statements. Nothing is read anew between two changes of an invoice: who holds it has all
of its payments at hand.
"""

from collections.abc import Collection, Mapping

from django.db.models import prefetch_related_objects

from cryptopay.payments import status
from cryptopay.payments.models import Invoice, Payment
from ledger.rows import Kept, among
from monitor.models import Cursor

MOVES = ("state", "pending_entry", "settled_entry")
"""Columns of what arrived that change."""


class HeldInvoices:
    """Call `write` before the transaction ends."""

    def __init__(self, ids: Collection[int], *, skip_locked: bool = False) -> None:
        """Locks them in the order of their ids. `skip_locked`: without those that somebody else holds now."""
        rows = list(among(Invoice.objects.select_for_update(skip_locked=skip_locked), "id", ids).order_by("pk"))
        prefetch_related_objects(rows, "book")
        self.cursors: Mapping[str, Cursor] = status.read(rows)
        self.rows = {row.pk: row for row in rows}
        self.methods = [method for row in rows for method in row.methods.all()]
        self._kept = Kept(Invoice, rows, ["status", "exception", "settlements"])
        self._payments = Kept(Payment, [payment for method in self.methods for payment in method.payments.all()], MOVES)

    @property
    def payments(self) -> list[Payment]:
        return self._payments.rows

    def add(self, payment: Payment) -> None:
        """A new one, to one of the invoices."""
        self._payments.add(payment)
        status.add_payment(payment)

    def write(self) -> None:
        """Store what is new or differs."""
        self._payments.write()
        self._kept.write()
