"""Newcomers."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from cryptopay.merchants.errors import ReferenceRefused
from cryptopay.merchants.models import Customer
from cryptopay.merchants.onboarding import create_merchant, customer

pytestmark = pytest.mark.django_db


def test_a_merchant_has_a_live_and_a_test_book() -> None:
    merchant = create_merchant("Alice's", "CHF")
    live, test = merchant.book(live=True), merchant.book(live=False)
    assert live != test
    assert (live.is_test, test.is_test) == (False, True)
    assert live.currency == test.currency == "CHF"


def test_a_customer_is_made_once_and_per_book() -> None:
    alice, bob = create_merchant("Alice's"), create_merchant("Bob's")
    first = customer(alice.test_book, "c-1", "Charlie")
    assert customer(alice.test_book, "c-1", "another name") == first
    assert first.name == "Charlie"
    assert customer(alice.live_book, "c-1") != first
    assert customer(bob.test_book, "c-1") != first


@pytest.mark.parametrize("reference", ["", " ", " c-1", "c-1 ", "c\n1", "c\x001", "c\u200b1", "c" * 129])
def test_a_reference_is_visible_text(reference: str) -> None:
    with pytest.raises(ReferenceRefused) as refusal:
        customer(create_merchant("Alice's").test_book, reference)
    assert (refusal.value.code, refusal.value.pointer) == ("external_ref_invalid", "/external_ref")
    assert Customer.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_many_at_once_get_the_same_customer() -> None:
    book = create_merchant("Alice's").test_book
    start = threading.Barrier(6)

    def ask(_: int) -> int:
        try:
            start.wait()
            return customer(book, "c-1").pk
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        assert len(set(threads.map(ask, range(6)))) == 1
