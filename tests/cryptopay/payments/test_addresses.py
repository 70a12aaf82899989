"""Addresses for customers, and what arrives there: whose it is in the books, and what programs are told."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from cryptopay.merchants.errors import ReferenceRefused
from cryptopay.payments import addresses, intake, notices
from cryptopay.payments.custody import HELD_IS_RECEIVED
from cryptopay.payments.models import ChainNotice, Credit, CustomerAddress, IntakePosition
from cryptopay.webhooks.models import Event
from keys.models import Address
from ledger import balances, chart, journal
from ledger.checking import check
from ledger.journal import Entry, Leg
from ledger.models import Asset, Book, JournalEntry
from monitor import watches
from monitor.chains import CHAINS
from monitor.connectors.base import Transfer
from monitor.models import ChainEvent, TransactionEvent, Watch, WatchedAddress, WatchedTransaction
from tests import people
from tests.cryptopay.payments.conftest import Ticker
from tests.meanwhile import meanwhile, wait_until_somebody_waits

pytestmark = pytest.mark.django_db

CHAIN = CHAINS["bitcoin-regtest"]
AMOUNT = 100_000
FOREIGN = bytes.fromhex("0014") + bytes(20)


@pytest.fixture
def ann(alice: Book) -> CustomerAddress:
    given, made = addresses.give(alice, CHAIN, "ann", {"tier": "gold"})
    assert made
    return given


def transfer_to(address: CustomerAddress | bytes, number: int = 0, base_units: int = AMOUNT) -> Transfer:
    destination = address if isinstance(address, bytes) else bytes(address.address.destination)
    return Transfer(f"{number:064x}:0", f"{number:064x}", destination, base_units)


def held(book: Book, code: str) -> tuple[int, int]:
    """Posted and pending in."""
    found = balances.balance(chart.find(book.pk, code, Asset.objects.get(code="BTC")))
    return found.posted, found.pending_in


def told(subject: str) -> list[tuple[str, int]]:
    rows = ChainNotice.objects.filter(subject=subject).order_by("pk")
    return list(rows.values_list("kind", "sequence"))


def broken() -> list[object]:
    return [violation for outcome in check(None) for violation in outcome.violations]


def test_one_customer_one_address(alice: Book, ann: CustomerAddress) -> None:
    again, made = addresses.give(alice, CHAIN, "ann", {"tier": "none"})
    assert (again.pk, made, again.metadata) == (ann.pk, False, {"tier": "gold"})
    bob, _ = addresses.give(alice, CHAIN, "bob")
    elsewhere, _ = addresses.give(alice, CHAINS["litecoin-regtest"], "ann")
    assert len({ann.address_id, bob.address_id, elsewhere.address_id}) == 3
    assert WatchedAddress.objects.filter(own=True).count() == 3
    assert elsewhere.customer_id == ann.customer_id


@pytest.mark.parametrize("user", ["", " ann", "x" * 129, "a\nb"])
def test_a_reference_that_is_none_is_refused(alice: Book, user: str) -> None:
    with pytest.raises(ReferenceRefused):
        addresses.give(alice, CHAIN, user)
    assert not Address.objects.exists()


def test_the_longest_reference_has_books_of_its_own(alice: Book, bitcoin: Ticker) -> None:
    given, _ = addresses.give(alice, CHAIN, "x" * 128)
    bitcoin.take_in(transfer_to(given), mined=True)
    bitcoin.bury()
    bitcoin.drain()
    assert held(alice, f"liabilities:customers:{'x' * 128}") == (AMOUNT, 0)


@pytest.mark.django_db(transaction=True)
def test_fifty_at_once_get_one_address() -> None:
    book = people.merchant("Alice").test_book

    def ask(number: int) -> int:
        try:
            return addresses.give(book, CHAIN, "ann" if number % 5 else f"user {number}")[0].address_id
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        given = list(pool.map(ask, range(50)))
    assert len(set(given)) == 11
    assert len({given[n] for n in range(50) if n % 5}) == 1
    assert Address.objects.count() == CustomerAddress.objects.count() == 11


@pytest.mark.django_db(transaction=True)
def test_whoever_read_up_to_a_notice_has_missed_none_before_it(bitcoin: Ticker, ethereum: Ticker) -> None:
    """Two chains of one book are taken in at once: the second one's notices wait for the first one's commit."""
    book = people.merchant("Alice").test_book
    first, second = (addresses.give(book, ticker.chain, "ann")[0] for ticker in (bitcoin, ethereum))
    bitcoin.take_in(transfer_to(first))
    ethereum.take_in(transfer_to(second, base_units=10**18))
    with ThreadPoolExecutor(1) as threads:
        with meanwhile(bitcoin.drain):
            other = threads.submit(in_a_thread, ethereum.drain)
            wait_until_somebody_waits()
            assert not notices.of_book(book.pk).exists(), "neither is shown"
        other.result()
    told = notices.of_book(book.pk).order_by("pk")
    assert [notice.subject for notice in told] == [first.public_id, second.public_id], "and ids are in that order"


def in_a_thread(work: Callable[[], object]) -> None:
    try:
        work()
    finally:
        connection.close()


def test_seen_confirmed_taken_back_and_seen_again(alice: Book, ann: CustomerAddress, bitcoin: Ticker) -> None:
    custody, hers = "assets:custody:bitcoin-regtest", "liabilities:customers:ann"
    transfer = transfer_to(ann)
    bitcoin.take_in(transfer)
    bitcoin.drain()
    assert (held(alice, custody), held(alice, hers), broken()) == ((0, AMOUNT), (0, AMOUNT), [])
    bitcoin.take_in(transfer, mined=True)
    bitcoin.bury()
    bitcoin.drain()
    assert (held(alice, custody), held(alice, hers), broken()) == ((AMOUNT, 0), (AMOUNT, 0), [])
    settled = JournalEntry.objects.get(book=alice, kind=JournalEntry.Kind.SETTLE)
    assert settled.description == "Received: deposit of ann"
    assert (settled.meta["customer"], settled.meta["address"]) == ("ann", ann.public_id)
    bitcoin.reorg()
    bitcoin.drain()
    assert (held(alice, custody), held(alice, hers), broken()) == ((0, 0), (0, 0), [])
    bitcoin.take_in(transfer, mined=True)
    bitcoin.bury()
    assert bitcoin.drain() == 2
    assert (held(alice, hers), broken()) == ((AMOUNT, 0), [])
    assert Credit.objects.get().state == "confirmed"
    assert told(ann.public_id) == [
        ("seen", 1), ("confirmed", 2), ("reversed", 3), ("seen", 4), ("confirmed", 5),
    ]  # fmt: skip


def test_dropped_leaves_nothing_behind(alice: Book, ann: CustomerAddress, bitcoin: Ticker) -> None:
    transfer = transfer_to(ann)
    bitcoin.take_in(transfer)
    bitcoin.drop(transfer)
    bitcoin.drain()
    assert (held(alice, "liabilities:customers:ann"), Credit.objects.get().state) == ((0, 0), "dropped")
    assert told(ann.public_id) == [("seen", 1), ("dropped", 2)]
    assert broken() == []


def test_what_was_spent_before_a_reorg_is_lent_by_suspense(alice: Book, ann: CustomerAddress, bitcoin: Ticker) -> None:
    bitcoin.take_in(transfer_to(ann), mined=True)
    bitcoin.bury()
    bitcoin.drain()
    asset = Asset.objects.get(code="BTC")
    hers, sales = chart.customer(alice.pk, "ann", asset), chart.sales(alice.pk, asset)
    journal.post(
        Entry(
            book_id=alice.pk,
            idem="spent",
            legs=[Leg(hers, debit=AMOUNT), Leg(sales, credit=AMOUNT)],
            effective_at=ChainEvent.objects.latest("pk").happened_at,
            description="Spent",
            source="test",
        )
    )
    bitcoin.reorg()
    bitcoin.drain()
    assert held(alice, "suspense") == (-AMOUNT, 0)
    assert (held(alice, "liabilities:customers:ann"), broken()) == ((0, 0), [])


def test_coins_at_a_customers_address_that_the_books_lack_are_named(
    alice: Book, ann: CustomerAddress, bitcoin: Ticker
) -> None:
    bitcoin.take_in(transfer_to(ann), mined=True)
    bitcoin.bury()
    IntakePosition.objects.create(chain_code=CHAIN.code, last_event_id=ChainEvent.objects.latest("pk").pk)
    (violation,) = broken()
    assert (violation.found, violation.expected) == (  # type: ignore[attr-defined]
        "0 base units posted",
        f"{AMOUNT} base units received on bitcoin-regtest",
    )
    assert HELD_IS_RECEIVED.name == "custody is on chain"


def test_a_notice_is_the_webhook_word_for_word(alice: Book, ann: CustomerAddress, bitcoin: Ticker) -> None:
    bitcoin.take_in(transfer_to(ann, base_units=123_000))
    bitcoin.drain()
    notice = ChainNotice.objects.get()
    event = Event.objects.get(subject=ann.public_id)
    assert (event.type, event.payload["data"]) == ("chain.seen", {"chain_event": notice.payload})
    assert event.sequence == notice.sequence == 1
    assert notice.payload["amount"] == {
        "asset": "BTC", "amount": "0.00123000", "base_units": "123000", "contract": None,
    }  # fmt: skip
    assert (notice.payload["user"], notice.payload["metadata"]) == ("ann", {"tier": "gold"})
    assert notice.payload["address"] == ann.address.text


def test_an_address_that_does_not_verify_is_not_told(alice: Book, ann: CustomerAddress, bitcoin: Ticker) -> None:
    from tests import database

    with database.past_triggers(), connection.cursor() as cursor:
        cursor.execute("UPDATE keys_address SET text = 'bcrt1forged' WHERE id = %s", [ann.address_id])
    bitcoin.take_in(transfer_to(ann))
    bitcoin.drain()
    assert ChainNotice.objects.get().payload["address"] is None
    assert held(alice, "liabilities:customers:ann") == (0, AMOUNT)


def test_a_foreign_address_is_told_and_not_booked(alice: Book, bitcoin: Ticker) -> None:
    watch, _ = watches.watch_address(alice.pk, CHAIN, "bcrt1foreign", FOREIGN, metadata={"name": "cold"})
    transfer = transfer_to(FOREIGN)
    bitcoin.take_in(transfer, mined=True)
    bitcoin.bury()
    bitcoin.drain()
    assert told(watch.public_id) == [("seen", 1), ("confirmed", 2)]
    assert not JournalEntry.objects.exists()
    assert ChainNotice.objects.all()[0].payload["address"] == "bcrt1foreign"
    assert broken() == []
    watches.end(watch)
    bitcoin.reorg()
    bitcoin.drain()
    assert told(watch.public_id) == [("seen", 1), ("confirmed", 2)]


def test_an_own_address_that_is_watched_too_is_told_to_both(alice: Book, ann: CustomerAddress, bitcoin: Ticker) -> None:
    watch, _ = watches.watch_address(alice.pk, CHAIN, ann.address.text, bytes(ann.address.destination))
    bitcoin.take_in(transfer_to(ann))
    bitcoin.drain()
    assert told(watch.public_id) == told(ann.public_id) == [("seen", 1)]
    assert held(alice, "liabilities:customers:ann") == (0, AMOUNT)


def test_watched_transactions_are_told_even_where_the_books_are_stuck(
    alice: Book, ann: CustomerAddress, bitcoin: Ticker, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, _ = watches.watch_transaction(alice.pk, CHAIN, "ab" * 32)
    _happened(watch)
    bitcoin.take_in(transfer_to(ann))

    def stuck(*_: object) -> None:
        raise RuntimeError("stuck")

    monkeypatch.setattr(intake, "_take_in", stuck)
    with pytest.raises(RuntimeError, match="stuck"):
        bitcoin.drain()
    assert told(watch.public_id) == [("seen", 1)]
    monkeypatch.undo()
    bitcoin.drain()
    assert told(watch.public_id) == told(ann.public_id) == [("seen", 1)]


def _happened(watch: Watch) -> None:
    TransactionEvent.objects.create(
        book_id=watch.book_id,
        chain_code=watch.chain_code,
        transaction=WatchedTransaction.objects.get(watch=watch),
        kind=ChainEvent.Kind.SEEN,
        appearance=1,
        happened_at=watch.created_at,
    )


@pytest.mark.django_db(transaction=True)
def test_two_chains_at_once_leave_no_gap_for_who_reads_on() -> None:
    """Whoever has read up to one notice never finds an older one later, though two chains' intakes write at once."""
    book = people.merchant("Alice").test_book
    codes = ["bitcoin-regtest", "litecoin-regtest"]
    for code in codes:
        for number in range(60):
            watch, _ = watches.watch_transaction(book.pk, CHAINS[code], f"{number:064x}")
            _happened(watch)

    def drain(code: str) -> int:
        try:
            return intake.drain(code)
        finally:
            connection.close()

    read: list[int] = []
    with ThreadPoolExecutor(2) as pool, pytest.MonkeyPatch.context() as patch:
        patch.setattr(intake, "EVENTS_A_COMMIT", 3)
        running = [pool.submit(drain, code) for code in codes]
        while not all(one.done() for one in running) or len(read) < 120:
            after = read[-1] if read else 0
            read += ChainNotice.objects.filter(book=book, pk__gt=after).order_by("pk").values_list("pk", flat=True)
            for one in running:
                if one.done():
                    one.result()
    assert read == sorted(ChainNotice.objects.values_list("pk", flat=True))
    assert len(read) == 120
