"""Newcomers: merchants with their two books, and customers."""

from django.db import transaction

from cryptopay.merchants.errors import ReferenceRefused
from cryptopay.merchants.models import Customer, Merchant
from ledger.models import Book

LONGEST_REFERENCE = 128


@transaction.atomic
def create_merchant(name: str, currency: str = "EUR") -> Merchant:
    """The merchant with a live and a test book, both valued in `currency` (ISO 4217)."""
    return Merchant.objects.create(
        name=name,
        live_book=Book.objects.create(name=name, currency=currency, is_test=False),
        test_book=Book.objects.create(name=name, currency=currency, is_test=True),
    )


def customer(book: Book, external_ref: str, name: str = "") -> Customer:
    """The customer of that reference, made at first use; two callers at once get the same one.

    `name` counts for a newcomer only. Raises `ReferenceRefused`.
    """
    if not 0 < len(external_ref) <= LONGEST_REFERENCE or external_ref != external_ref.strip():
        raise ReferenceRefused(f"A customer's reference has 1 to {LONGEST_REFERENCE} characters.", "/external_ref")
    if not external_ref.isprintable():
        raise ReferenceRefused("A customer's reference has visible characters only.", "/external_ref")
    found, _ = Customer.objects.get_or_create(book=book, external_ref=external_ref, defaults={"name": name})
    return found
