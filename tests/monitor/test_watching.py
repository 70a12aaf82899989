import pytest

from ledger.models import Book
from monitor.chains import CHAINS
from monitor.watching import watch, watched

pytestmark = pytest.mark.django_db
BITCOIN, LITECOIN = CHAINS["bitcoin-regtest"], CHAINS["litecoin-regtest"]


def test_the_same_address_watched_twice_is_one_row() -> None:
    book = Book.objects.create(name="Alice")
    row = watch(book.pk, BITCOIN, "address", b"script", 3)
    assert watch(book.pk, BITCOIN, "address", b"script") == row
    row.refresh_from_db()
    assert row.least_confirmations == 3


def test_a_destination_is_watched_on_its_own_chain_alone() -> None:
    alice, charlie = Book.objects.create(name="Alice"), Book.objects.create(name="Charlie")
    ours = [watch(book.pk, BITCOIN, "address", b"script") for book in (alice, charlie)]
    watch(alice.pk, LITECOIN, "address", b"script")
    found = watched(BITCOIN, [b"script", b"other", b""])
    assert list(found) == [b"script"]
    assert sorted(row.pk for row in found[b"script"]) == [row.pk for row in ours]


def test_nothing_asked_nothing_found() -> None:
    assert watched(BITCOIN, []) == {}
