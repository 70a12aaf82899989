"""What the journal has seen and not yet received, as those know who recorded it: payments and programs."""

from typing import Any

from django.db.models import Q, QuerySet

from cryptopay.payments.models import Credit, Payment, UnassignedReceipt
from ledger.models import Book, JournalEntry
from monitor.models import Deposit

SEEN = Q(state=Payment.State.SEEN, deposit__state=Deposit.State.SEEN)
"""Of whatever a deposit is; the latter has the index."""
ARRIVED: tuple[type[Payment | Credit | UnassignedReceipt], ...] = (Payment, Credit, UnassignedReceipt)
"""Whatever a deposit of ours may be."""
_OF_PROGRAMS = "api"


def tell() -> list[QuerySet[Any]]:
    """For `ledger.waiting`."""
    of_chains = [model._default_manager.filter(SEEN).values("pending_entry") for model in ARRIVED]
    by_programs = JournalEntry.objects.filter(
        book__in=Book.objects.all(), source=_OF_PROGRAMS, kind=JournalEntry.Kind.PENDING
    )
    return [*of_chains, by_programs.values("pk")]
