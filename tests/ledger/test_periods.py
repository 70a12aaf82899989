"""Closed means closed: for people, for raw SQL, and for whoever was writing while it closed."""

import dataclasses
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from ledger import balances, chart, errors, journal, manual, periods, proposals, rates
from ledger.appendonly import RowIsPermanent
from ledger.journal import Leg
from ledger.models import Decision, JournalEntry, PeriodChange, Proposal
from tests.closing import reviewed
from tests.ledger.conftest import NOON, Shop

pytestmark = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True)

DAY = NOON.date()
NEXT_DAY = DAY + timedelta(days=1)
FIRST_OPEN = datetime(2026, 3, 2, tzinfo=UTC)

CHANGE = """INSERT INTO ledger_periodchange
    (book_id, closed_through, reason, asked_by, approved_by, review_id, recorded_at)
    VALUES (%s, %s, %s, %s, %s, %s, now())"""
WRITE = "SELECT ledger_transfer(%s, 'raw', 1::smallint, %s, %s, null, 'sql', 'by hand', '{}', %s, %s, 1)"


def asked(shop: Shop, through: date = DAY) -> Proposal:
    return periods.ask_to_close(
        shop.book, through, reason="The month is over", by="Bob", review=reviewed(shop.book.pk, through)
    )


def close(shop: Shop, through: date = DAY) -> None:
    proposals.approve(asked(shop, through), by="Alice")


def reopen(shop: Shop, through: date | None) -> None:
    proposal = periods.ask_to_reopen(shop.book, through, reason="A receipt was forgotten", by="Bob")
    proposals.approve(proposal, by="Alice")


def _commit(statement: str, *arguments: object) -> None:
    """With what a commit would check."""
    with transaction.atomic(), connection.cursor() as sql:
        sql.execute(statement, arguments)
        sql.execute("SET CONSTRAINTS ALL IMMEDIATE")
        sql.execute("SET CONSTRAINTS ALL DEFERRED")


def _state(statement: str, *arguments: object) -> str:
    """SQLSTATE of the refusal."""
    with pytest.raises(DatabaseError) as refusal:
        _commit(statement, *arguments)
    return str(getattr(refusal.value.__cause__, "sqlstate", None))


def test_two_people_close_the_books_through_a_day_that_is_over(shop: Shop) -> None:
    assert periods.closed_through(shop.book.pk) is None
    proposal = asked(shop)
    assert periods.closed_through(shop.book.pk) is None
    proposals.approve(proposal, by="Alice")
    assert periods.closed_through(shop.book.pk) == DAY
    change = PeriodChange.objects.get()
    assert (change.reason, change.asked_by, change.approved_by) == ("The month is over", "Bob", "Alice")
    close(shop, NEXT_DAY)
    assert periods.closed_through(shop.book.pk) == NEXT_DAY


def test_a_book_is_closed_by_itself(open_shop: Callable[..., Shop]) -> None:
    alice, charlie = open_shop("Alice"), open_shop("Charlie")
    close(alice)
    assert periods.closed_through(charlie.book.pk) is None
    charlie.received(1)


@pytest.mark.parametrize("days", [0, 1, 400])
def test_a_day_is_closed_when_it_is_over(shop: Shop, days: int) -> None:
    day = timezone.now().astimezone(UTC).date() + timedelta(days=days)
    with pytest.raises(errors.PeriodNotOver) as refusal:
        asked(shop, day)
    assert refusal.value.code == "period_not_over"
    assert _state(CHANGE, shop.book.pk, day, "raw", "Bob", "Alice", reviewed(shop.book.pk, day).pk) == "LG014"


@pytest.mark.parametrize("day", [DAY, DAY - timedelta(days=1)])
def test_what_is_closed_is_not_closed_again(shop: Shop, day: date) -> None:
    waiting = asked(shop, day)
    close(shop)
    with pytest.raises(errors.PeriodAlreadyClosed) as refusal:
        asked(shop, day)
    assert refusal.value.code == "period_already_closed"
    with pytest.raises(errors.PeriodAlreadyClosed):
        proposals.approve(waiting, by="Alice")
    assert periods.closed_through(shop.book.pk) == DAY
    assert not Decision.objects.filter(proposal=waiting).exists()


@pytest.mark.parametrize("through", [None, DAY - timedelta(days=31)])
def test_two_people_reopen_the_books(shop: Shop, through: date | None) -> None:
    close(shop)
    reopen(shop, through)
    assert periods.closed_through(shop.book.pk) == through
    shop.received(1)
    assert PeriodChange.objects.count() == 2  # the history stays


@pytest.mark.parametrize("closed", [None, DAY])
@pytest.mark.parametrize("through", [DAY, NEXT_DAY])
def test_only_what_is_closed_is_reopened(shop: Shop, closed: date | None, through: date) -> None:
    if closed:
        close(shop, closed)
    with pytest.raises(errors.PeriodNotClosed) as refusal:
        periods.ask_to_reopen(shop.book, through, reason="No", by="Bob")
    assert refusal.value.code == "period_not_closed"


def test_a_reopening_asked_twice_is_done_once(shop: Shop) -> None:
    close(shop)
    one, two = (periods.ask_to_reopen(shop.book, None, reason="No", by="Bob") for _ in range(2))
    proposals.approve(one, by="Alice")
    with pytest.raises(errors.PeriodNotClosed):
        proposals.approve(two, by="Alice")


def test_both_need_a_reason_and_a_name(shop: Shop) -> None:
    for reason, by, error in (("", "Bob", errors.ReasonMissing), ("Why", "", ValueError)):
        with pytest.raises(error):
            periods.ask_to_close(shop.book, DAY, reason=reason, by=by, review=reviewed(shop.book.pk, DAY))
    close(shop)
    for reason, by, error in (("", "Bob", errors.ReasonMissing), ("Why", "", ValueError)):
        with pytest.raises(error):
            periods.ask_to_reopen(shop.book, None, reason=reason, by=by)


@pytest.mark.parametrize(
    ("reason", "asked_by", "approved_by"), [("", "Bob", "Alice"), ("Why", "Bob", "Bob"), ("Why", "Bob", "bob ")]
)
def test_the_database_asks_for_two_people_and_a_reason(
    shop: Shop, reason: str, asked_by: str, approved_by: str
) -> None:
    review = reviewed(shop.book.pk, DAY).pk
    assert _state(CHANGE, shop.book.pk, DAY, reason, asked_by, approved_by, review) == "23514"


def test_the_history_is_permanent(shop: Shop) -> None:
    close(shop)
    with pytest.raises(RowIsPermanent):
        PeriodChange.objects.get().delete()
    for statement in ("UPDATE ledger_periodchange SET closed_through = null", "DELETE FROM ledger_periodchange"):
        assert _state(statement) in ("23001", "42501")


def _post(shop: Shop) -> int:
    return shop.received(1)


def _record(shop: Shop) -> int:
    return journal.record(shop.receipt(1))


def _batch(shop: Shop) -> int:
    return journal.post_batch([shop.receipt(1), shop.receipt(2)])[0]


@pytest.mark.parametrize("write", [_post, _record, _batch])
def test_nothing_is_written_into_a_closed_period(shop: Shop, write: Callable[[Shop], int]) -> None:
    close(shop)
    with pytest.raises(errors.PeriodClosed) as refusal:
        write(shop)
    assert refusal.value.code == "period_closed"
    assert not JournalEntry.objects.exists()


def test_nothing_is_resolved_in_a_closed_period(shop: Shop) -> None:
    pending, posted = _record(shop), _post(shop)
    close(shop)
    for verb, entry in ((journal.settle, pending), (journal.void, pending), (journal.reverse, posted)):
        with pytest.raises(errors.PeriodClosed):
            verb(shop.of(entry))
    journal.settle(dataclasses.replace(shop.of(pending), effective_at=FIRST_OPEN))


def test_a_closed_period_is_closed_to_raw_sql(shop: Shop) -> None:
    close(shop)
    last = FIRST_OPEN - timedelta(microseconds=1)
    accounts = [shop.custody.pk, shop.owner.pk]
    assert _state(WRITE, shop.book.pk, last, False, *accounts) == "LG011"
    _commit(WRITE, shop.book.pk, FIRST_OPEN, False, *accounts)  # else the refusal would prove nothing


def test_the_first_open_moment_is_open(shop: Shop) -> None:
    close(shop)
    journal.post(dataclasses.replace(shop.receipt(1), effective_at=FIRST_OPEN))


def test_what_was_written_before_can_be_said_again(shop: Shop) -> None:
    entry = shop.receipt(1)
    first = journal.post(entry)
    carried = dataclasses.replace(shop.receipt(2), carry=True)
    second = journal.post(carried)
    close(shop)
    assert journal.post(entry) == first
    assert journal.post(carried) == second


def test_a_chains_fact_is_carried_to_the_first_open_day_and_keeps_its_time(shop: Shop) -> None:
    before = shop.received(5)
    pending = journal.record(shop.receipt(7))
    close(shop)
    settled = journal.settle(dataclasses.replace(shop.of(pending), carry=True))
    reversed_ = journal.reverse(dataclasses.replace(shop.of(before), carry=True))
    for entry in JournalEntry.objects.filter(pk__in=[settled, reversed_]):
        assert entry.effective_at == FIRST_OPEN
        assert datetime.fromisoformat(entry.meta["happened_at"]).replace(tzinfo=UTC) == NOON
    assert balances.balance(shop.custody, as_of=DAY).posted == 5
    assert balances.balance(shop.custody, as_of=NEXT_DAY).posted == 7


def test_what_is_unfinished_is_counted_and_hinders_nobody(shop: Shop) -> None:
    close(shop, DAY - timedelta(days=1))
    for _ in range(3):
        journal.record(shop.receipt(1))
    journal.settle(shop.of(_record(shop)))
    journal.void(shop.of(_record(shop)))
    rate = rates.record("BTC", "EUR", rates.FINEST_PRICE, "test", NOON)
    journal.post(dataclasses.replace(shop.receipt(1), rate_id=rate.pk))
    journal.post(dataclasses.replace(shop.receipt(1), effective_at=FIRST_OPEN))
    legs = [Leg(shop.custody, debit=5), Leg(shop.owner, credit=5)]
    for moment in (NOON, FIRST_OPEN):
        manual.enter(shop.book, legs, effective_at=moment, description="Opening", reason="We begin", by="Bob")
    proposal = asked(shop)
    told = dict(proposal.contents)
    assert told.pop("review")
    assert told == {
        "closed_through": "2026-03-01",
        "closed_before": "2026-02-28",
        "unconfirmed": 3,
        "unpriced": 1,
        "proposed": 1,
    }
    proposals.approve(proposal, by="Alice")
    assert periods.loose_ends(shop.book, NEXT_DAY) == periods.LooseEnds(unconfirmed=0, unpriced=1, proposed=2)


def test_the_books_own_currency_needs_no_rate(shop: Shop) -> None:
    euro = chart.asset("EUR", "", 2, "EUR")
    cash, owner = (chart.add_account(shop.book.pk, code, code, euro) for code in ("assets:cash", "equity:owner"))
    journal.post(shop.entry(Leg(cash, debit=5), Leg(owner, credit=5)))
    assert periods.loose_ends(shop.book, DAY).unpriced == 0


@pytest.fixture
def _listeners_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(periods, "_listeners", [])


@pytest.mark.usefixtures("_listeners_restored")
def test_who_listens_is_told_in_the_same_commit(shop: Shop) -> None:
    heard: list[tuple[date | None, date | None, bool]] = []

    def listen(change: PeriodChange, before: date | None) -> None:
        heard.append((change.closed_through, before, connection.in_atomic_block))

    assert periods.on_change(listen) is periods.on_change(listen)
    close(shop)
    reopen(shop, None)
    assert heard == [(DAY, None, True), (None, DAY, True)]


@pytest.mark.usefixtures("_listeners_restored")
def test_a_listener_that_fails_undoes_the_closing(shop: Shop) -> None:
    def fail(*_: object) -> None:
        raise OSError("the outbox is full")

    periods.on_change(fail)
    proposal = asked(shop)
    with pytest.raises(OSError, match="full"):
        proposals.approve(proposal, by="Alice")
    assert periods.closed_through(shop.book.pk) is None
    assert list(proposals.waiting(Proposal.objects.all())) == [proposal]


class Elsewhere(threading.Thread):
    """Does something on a connection of its own; `result` is what came of it."""

    def __init__(self, act: Callable[[], Any]) -> None:
        super().__init__()
        self.act, self.result = act, None
        self.start()

    def run(self) -> None:
        try:
            self.result = self.act()
        except errors.LedgerError as error:
            self.result = error
        finally:
            connection.close()

    def waits(self) -> bool:
        self.join(0.5)
        return self.is_alive()

    def ends_with(self) -> Any:
        self.join(30)
        assert not self.is_alive()
        return self.result


@committed
def test_who_writes_and_then_closes_in_one_commit_may(shop: Shop) -> None:
    with transaction.atomic():
        shop.received(1)
        close(shop)
    assert balances.balance(shop.custody, as_of=DAY).posted == 1


@committed
@pytest.mark.parametrize("write", [_post, _record, _batch])
def test_closing_waits_for_who_is_writing(shop: Shop, write: Callable[[Shop], int]) -> None:
    """What was written before stays, recorded before the closing."""
    proposal = asked(shop)
    with transaction.atomic():
        entry = write(shop)
        closer = Elsewhere(lambda: proposals.approve(proposal, by="Alice"))
        assert closer.waits()
    assert isinstance(closer.ends_with(), Decision)
    assert periods.closed_through(shop.book.pk) == DAY
    found = JournalEntry.objects.get(pk=entry)
    assert found.effective_at == NOON
    assert found.recorded_at < PeriodChange.objects.get().recorded_at
    with pytest.raises(errors.PeriodClosed):
        shop.received(1)


@committed
@pytest.mark.parametrize("write", [_post, _record, _batch])
@pytest.mark.parametrize("approved", [True, False])
def test_who_writes_waits_for_the_closing_and_is_refused(
    shop: Shop, write: Callable[[Shop], int], approved: bool
) -> None:
    proposal = asked(shop)
    with transaction.atomic():
        proposals.approve(proposal, by="Alice")
        writer = Elsewhere(lambda: write(shop))
        assert writer.waits()
        transaction.set_rollback(not approved)
    assert isinstance(writer.ends_with(), errors.PeriodClosed) == approved
    assert JournalEntry.objects.exists() != approved


@committed
def test_a_chains_fact_that_waits_for_the_closing_is_carried(shop: Shop) -> None:
    proposal = asked(shop)
    fact = dataclasses.replace(shop.receipt(1), carry=True)
    with transaction.atomic():
        proposals.approve(proposal, by="Alice")
        writer = Elsewhere(lambda: journal.post(fact))
        assert writer.waits()
    assert JournalEntry.objects.get(pk=writer.ends_with()).effective_at == FIRST_OPEN


@committed
def test_closing_hinders_no_other_book(open_shop: Callable[..., Shop]) -> None:
    alice, charlie = open_shop("Alice"), open_shop("Charlie")
    proposal = asked(alice)
    with transaction.atomic():
        proposals.approve(proposal, by="Alice")
        writer = Elsewhere(lambda: charlie.received(1))
        assert not writer.waits()
    assert isinstance(writer.ends_with(), int)


@committed
def test_many_writers_and_a_closing_agree_on_what_is_in_the_period(shop: Shop) -> None:
    """Whoever was told "written" is in; whoever was told "closed" is not."""
    proposal = asked(shop)
    start = threading.Barrier(7)

    def write_many() -> list[Any]:
        start.wait()
        told: list[Any] = []
        for _ in range(40):
            try:
                told.append(shop.received(1))
            except errors.PeriodClosed as error:
                told.append(error)
        return told

    def close_it() -> Decision:
        start.wait()
        return proposals.approve(proposal, by="Alice")

    writers = [Elsewhere(write_many) for _ in range(6)]
    assert isinstance(Elsewhere(close_it).ends_with(), Decision)
    told = [answer for writer in writers for answer in writer.ends_with()]
    written = {answer for answer in told if isinstance(answer, int)}
    assert len(told) == 240
    assert written == set(JournalEntry.objects.values_list("pk", flat=True))
    assert balances.balance(shop.custody, as_of=DAY).posted == len(written)
