"""Customers by their merchant's own name for them (`external_ref`), which never changes: accounts are named by it.

One who is named in an invoice or an address first is the same customer.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from django.db import transaction

from cryptopay.merchants import onboarding
from cryptopay.merchants.models import Customer
from ledger.models import Book


@dataclass(frozen=True, slots=True, kw_only=True)
class Particulars:
    """What is known of a customer; None leaves it as it is."""

    name: str | None = None
    email: str | None = None
    metadata: Mapping[str, str] | None = None


@transaction.atomic
def write(book: Book, external_ref: str, particulars: Particulars) -> tuple[Customer, bool]:
    """The customer of that reference with these particulars, and whether they were made now. Raises
    `ReferenceRefused`."""
    before = Customer.objects.filter(book=book, external_ref=external_ref).exists()
    customer = onboarding.customer(book, external_ref)
    change(customer, particulars)
    return customer, not before


def change(customer: Customer, particulars: Particulars) -> None:
    """Write those that are given."""
    given = {name: value for name, value in asdict(particulars).items() if value is not None}
    if given:
        for name, value in given.items():
            setattr(customer, name, value)
        customer.save(update_fields=list(given))
