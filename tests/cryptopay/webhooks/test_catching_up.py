"""Who reads events with `after` misses none, however transactions interleave, and has each subject's in sequence."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from cryptopay.merchants.onboarding import create_merchant
from cryptopay.webhooks import catching_up, outbox
from cryptopay.webhooks.models import Event
from ledger.models import Book
from tests.cryptopay.api.conftest import Caller
from tests.meanwhile import meanwhile

committed = pytest.mark.django_db(transaction=True)


class Reader:
    """A program that catches up over REST, a small page at a time, and goes on where it was."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._after = "start"
        self.read: list[tuple[str, int]] = []

    def catch_up(self) -> list[tuple[str, int]]:
        while events := self._caller.get("/events", after=self._after, limit=3).json()["data"]:
            self._after = events[-1]["id"]
            self.read += [(event["subject"], event["sequence"]) for event in events]
        return self.read


@pytest.fixture
def caller(transactional_db: None) -> Caller:
    return Caller(create_merchant("Alice's"))


def tell(book: Book, subject: str) -> None:
    outbox.enqueue(book.pk, "invoice.settled", subject, {"amount": "1.00"})


def write_something() -> None:
    with connection.cursor() as sql:
        sql.execute("SELECT pg_current_xact_id()")


@committed
def test_what_was_told_early_and_committed_late_is_not_passed_over(caller: Caller) -> None:
    reader = Reader(caller)
    with meanwhile(lambda: tell(caller.book, "inv_early")):
        tell(caller.book, "inv_late")
        assert reader.catch_up() == [], "what may come before it is not there yet"
        newest = caller.get("/events").json()["data"]
        assert [event["subject"] for event in newest] == ["inv_late"], "to look at, it is there at once"
    assert reader.catch_up() == [("inv_early", 1), ("inv_late", 1)]


@committed
def test_a_transaction_that_began_early_and_told_late_is_not_passed_over(caller: Caller) -> None:
    """It wrote something else first; its event's id is the later one, its place the earlier."""
    reader = Reader(caller)
    with meanwhile(write_something, lambda: tell(caller.book, "inv_2")):
        tell(caller.book, "inv_1")
        reader.catch_up()
    assert sorted(reader.catch_up()) == [("inv_1", 1), ("inv_2", 1)]


@committed
def test_a_subject_stays_in_sequence_though_the_older_transaction_tells_later(caller: Caller) -> None:
    reader = Reader(caller)
    with meanwhile(write_something, lambda: tell(caller.book, "inv_1")):
        tell(caller.book, "inv_1")
        reader.catch_up()
    tell(caller.book, "inv_1")
    assert reader.catch_up() == [("inv_1", 1), ("inv_1", 2), ("inv_1", 3)]
    newest = caller.get("/events", limit=2).json()
    assert [event["sequence"] for event in newest["data"]] == [3, 2]
    older = caller.get("/events", limit=2, cursor=newest["next_cursor"]).json()
    assert [event["sequence"] for event in older["data"]] == [1]


@committed
def test_one_that_is_taken_back_holds_up_no_other(caller: Caller) -> None:
    reader = Reader(caller)

    def fail() -> None:
        raise ZeroDivisionError

    def look() -> None:
        with meanwhile(lambda: tell(caller.book, "inv_1"), fail):
            tell(caller.book, "inv_2")
            assert reader.catch_up() == []

    with pytest.raises(ZeroDivisionError):
        look()
    assert reader.catch_up() == [("inv_2", 1)]


@committed
def test_among_many_writers_nothing_is_missed_or_read_twice(caller: Caller) -> None:
    """Each commits, in an order of its own, several subjects' events; a reader polls all the while."""
    reader, done = Reader(caller), threading.Event()

    def write(writer: int) -> None:
        try:
            for turn in range(12):
                with transaction.atomic():
                    if writer % 2:
                        write_something()
                    tell(caller.book, f"inv_{(writer + turn) % 3}")
                    tell(caller.book, f"inv_own_{writer}")
        finally:
            connection.close()

    def poll() -> None:
        try:
            while not done.is_set():
                reader.catch_up()
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as threads:
        polling = threads.submit(poll)
        writing = [threads.submit(write, writer) for writer in range(4)]
        try:
            for one in writing:
                one.result()
        finally:
            done.set()
        polling.result()
    read = reader.catch_up()
    assert len(read) == len(set(read)) == 4 * 12 * 2
    for subject in {name for name, _ in read}:
        numbers = [number for name, number in read if name == subject]
        assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.django_db
def test_events_of_a_server_that_was_moved_come_before_the_new_ones_and_are_certain() -> None:
    """The new one counts its transactions anew; it was given a number of its own (docs/operator.md)."""
    book = create_merchant("Alice's").test_book
    mine = Event.objects.filter(book=book)
    facts = {"book": book, "type": "a.b", "payload": {}}
    Event.objects.create(**facts, subject="inv_1", sequence=1, xid=2**60)
    assert list(catching_up.since(mine)) == []
    with connection.cursor() as sql:
        sql.execute("SET LOCAL ledger.node = '1'")
    (moved,) = catching_up.since(mine)
    tell(book, "inv_1")
    told = mine.get(sequence=2)
    assert (told.node, told.xid < 2**60) == (1, True)
    assert list(catching_up.newest_first(mine)) == [told, moved]


def test_a_rare_type_is_found_without_reading_the_rest(book: Book) -> None:
    """Among many of another type, which no index but the one of all events has: payments do not pay for it."""
    with connection.cursor() as sql:
        sql.execute(_MANY, [book.pk, "payment.confirmed", 20_000])
        sql.execute(_MANY, [book.pk, "ledger.period_closed", 3])
        sql.execute("ANALYZE webhooks_event")
    for rows in (catching_up.since, catching_up.newest_first):
        assert "event_of_rare_type" in rows(Event.objects.filter(book=book, type="ledger.period_closed")).explain()
        assert "event_of_rare_type" not in rows(Event.objects.filter(book=book, type="payment.confirmed")).explain()


_MANY = """
INSERT INTO webhooks_event (book_id, public_id, type, subject, sequence, payload, created_at, node, xid)
SELECT %s, 'evt_' || kind || n, kind, kind || n, 1, '{}', now(), ledger_node(), pg_current_xact_id()
FROM (SELECT %s::text AS kind) told, generate_series(1, %s) n
"""
