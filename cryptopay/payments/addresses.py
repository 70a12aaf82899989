"""Addresses for customers: one for each and each chain, given for good and watched, with no invoice behind it."""

from collections.abc import Mapping

from django.db import transaction

from cryptopay.merchants import onboarding
from cryptopay.payments.models import CustomerAddress
from keys import issuing
from ledger.models import Book
from monitor.chains import Chain
from monitor.watching import watch


@transaction.atomic
def give(
    book: Book, chain: Chain, user: str, metadata: Mapping[str, str] | None = None
) -> tuple[CustomerAddress, bool]:
    """The customer's address on that chain, and whether it was given now; `metadata` counts for a new one only.

    The same customer gets the same address, until the book's key is replaced; former ones stay watched. Raises
    `ReferenceRefused` and what `issuing.address_for` raises.
    """
    customer = onboarding.customer(book, user)
    address = issuing.address_for(book.pk, chain, user)
    known = CustomerAddress.objects.filter(address=address).first()
    if known is not None:
        return known, False
    return CustomerAddress.objects.create(
        book=book,
        customer=customer,
        chain_code=chain.code,
        address=address,
        watched=watch(book.pk, chain, address.text, bytes(address.destination)),
        metadata=dict(metadata or {}),
    ), True
