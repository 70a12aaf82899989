"""Watches of addresses and transactions: one a thing, ended by those who asked; a book's own addresses stay watched."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from ledger.models import Book
from monitor import deposits, watches
from monitor.chains import CHAINS
from monitor.connectors.base import Transfer
from monitor.deposits import Sighting
from monitor.errors import TooManyWatches, WatchConflict
from monitor.models import Deposit, Watch, WatchedAddress, WatchedTransaction
from monitor.watching import watch, watched

CHAIN = CHAINS["bitcoin-regtest"]
SCRIPT = bytes.fromhex("0014") + bytes(20)
TXID = "cd" * 32

pytestmark = pytest.mark.django_db


@pytest.fixture
def book(db: None) -> Book:
    return Book.objects.create(name="Alice")


def foreign(book: Book, **more: Any) -> tuple[Watch, bool]:
    return watches.watch_address(book.pk, CHAIN, "bcrt1q", SCRIPT, **more)


def followed() -> list[str]:
    return [row.address for row in watched(CHAIN, [SCRIPT]).get(SCRIPT, [])]


def test_the_same_again_is_the_same_watch(book: Book) -> None:
    first, made = foreign(book, metadata={"for": "cold"})
    again, made_again = foreign(book, metadata={"for": "cold"})
    assert (first.pk, made, made_again) == (again.pk, True, False)
    by_id, _ = watches.watch_transaction(book.pk, CHAIN, TXID)
    assert watches.watch_transaction(book.pk, CHAIN, TXID) == (by_id, False)
    assert by_id.transaction is not None
    assert by_id.transaction.required_confirmations == 6


@pytest.mark.parametrize("other", [{"at_least": 3}, {"metadata": {"a": "b"}}, {"since_height": 7}])
def test_watched_in_another_way_is_refused(book: Book, other: dict[str, Any]) -> None:
    foreign(book)
    with pytest.raises(WatchConflict):
        foreign(book, **other)


def test_an_ended_watch_is_followed_no_more_and_can_be_begun_anew(book: Book) -> None:
    first, _ = foreign(book)
    assert followed() == ["bcrt1q"]
    watches.end(first)
    ended_at = first.ended_at
    watches.end(first)
    assert (followed(), first.ended_at) == ([], ended_at)
    again, made = foreign(book, at_least=9)
    assert made
    assert again.pk != first.pk
    assert followed() == ["bcrt1q"]
    assert WatchedAddress.objects.get().least_confirmations == 9


def test_an_address_given_to_payers_is_watched_for_good(book: Book) -> None:
    watch(book.pk, CHAIN, "bcrt1q", SCRIPT)
    asked, _ = foreign(book)
    watches.end(asked)
    assert followed() == ["bcrt1q"]
    with pytest.raises(WatchConflict):
        foreign(book, at_least=3)


def test_one_that_was_only_asked_for_and_is_given_later_stays(book: Book) -> None:
    asked, _ = foreign(book)
    watches.end(asked)
    given = watch(book.pk, CHAIN, "bcrt1q", SCRIPT)
    assert (given.own, given.ended_at, followed()) == (True, None, ["bcrt1q"])


def test_two_books_watch_the_same_apart(book: Book) -> None:
    other = Book.objects.create(name="Charlie")
    mine, _ = foreign(book)
    theirs, made = foreign(other)
    assert made
    watches.end(mine)
    assert [row.book_id for row in watched(CHAIN, [SCRIPT])[SCRIPT]] == [other.pk]
    assert theirs.ended_at is None


def test_there_is_an_end_to_watches(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, "MOST_WATCHES", 2)
    foreign(book)
    last, _ = watches.watch_transaction(book.pk, CHAIN, TXID)
    with pytest.raises(TooManyWatches):
        watches.watch_transaction(book.pk, CHAIN, "ee" * 32)
    watches.end(last)
    watches.watch_transaction(book.pk, CHAIN, "ee" * 32)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", ["address", "transaction"])
def test_many_at_once_make_one(what: str) -> None:
    book = Book.objects.create(name="Alice")
    asks: dict[str, Callable[[], tuple[Watch, bool]]] = {
        "address": lambda: foreign(book),
        "transaction": lambda: watches.watch_transaction(book.pk, CHAIN, TXID),
    }

    def ask(_: int) -> int:
        try:
            return asks[what]()[0].pk
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(24)))) == 1
    assert Watch.objects.count() == WatchedAddress.objects.count() + WatchedTransaction.objects.count() == 1


def test_a_watch_takes_no_coins_out_of_the_books(book: Book) -> None:
    """Where payers share an account: its owner watches a memo that was given to nobody, and the account as well."""
    account, memo = b"shop", b"shop/unknown"
    given = watch(book.pk, CHAIN, "shop", account)
    watches.watch_address(book.pk, CHAIN, "shop/unknown", memo)
    transfers = [Transfer("one", "one", destination, 10_000) for destination in (memo, account)]
    found = {
        destination: rows for destination in (account, memo) if (rows := watched(CHAIN, [destination])[destination])
    }
    assert deposits.take_in(Sighting(CHAIN, timezone.now()), transfers, found) == 1
    assert Deposit.objects.get().watched == given
