"""The verbs: each once, each refusal with its code, nothing half-written."""

import dataclasses
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from ledger import chart, errors, journal
from ledger.journal import Entry, Leg, Resolution, Standing, story_heads
from ledger.models import Balance, JournalEntry, Posting
from tests.ledger.conftest import Shop

committed = pytest.mark.django_db(transaction=True)
pytestmark = pytest.mark.django_db

VERBS: dict[str, Callable[[Any], int]] = {
    "post": journal.post,
    "record": journal.record,
    "settle": journal.settle,
    "void": journal.void,
    "reverse": journal.reverse,
}


def _rows() -> tuple[object, ...]:
    tables = (JournalEntry, Posting, Balance)
    return tuple(list(table._default_manager.order_by("pk").values_list()) for table in tables)


def _prepared(shop: Shop, verb: str) -> Any:
    """What `verb` can be called with."""
    if verb in ("post", "record"):
        return shop.receipt(7)
    if verb == "reverse":
        return shop.of(shop.received(7))
    return shop.of(journal.record(shop.receipt(7)))


def _all_at_once(*calls: Callable[[], int]) -> list[int | errors.LedgerError]:
    """Results in the order of the calls, each made by a thread with a connection of its own."""
    results: list[int | errors.LedgerError | None] = [None] * len(calls)
    start = threading.Barrier(len(calls))

    def run(n: int) -> None:
        try:
            with transaction.atomic():
                start.wait()
                results[n] = calls[n]()
        except errors.LedgerError as error:
            results[n] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert None not in results
    return [result for result in results if result is not None]


@pytest.mark.parametrize("verb", VERBS)
def test_the_same_fact_twice_is_written_once(shop: Shop, verb: str) -> None:
    what = _prepared(shop, verb)
    entry_id = VERBS[verb](what)
    before = _rows()
    assert VERBS[verb](what) == entry_id
    assert VERBS[verb](dataclasses.replace(what, description="in other words", meta={"told": "again"})) == entry_id
    assert _rows() == before


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("change", ["effective_at", "source"])
def test_the_same_key_with_other_contents_is_a_conflict(shop: Shop, verb: str, change: str) -> None:
    what = _prepared(shop, verb)
    VERBS[verb](what)
    before = _rows()
    other = {"effective_at": what.effective_at + timedelta(microseconds=1), "source": "elsewhere"}[change]
    with pytest.raises(errors.IdempotencyConflict) as refusal:
        VERBS[verb](dataclasses.replace(what, **{change: other}))
    assert refusal.value.code == "entry_conflict"
    assert _rows() == before


def test_the_same_key_with_another_amount_account_or_verb_is_a_conflict(shop: Shop) -> None:
    journal.post(shop.receipt(7, idem="once"))
    before = _rows()
    legs = [Leg(shop.custody, debit=7), Leg(shop.sales, credit=7)]
    for verb, entry in [
        (journal.post, shop.receipt(8, idem="once")),
        (journal.post, shop.entry(*legs, idem="once")),
        (journal.record, shop.receipt(7, idem="once")),
    ]:
        with pytest.raises(errors.IdempotencyConflict):
            verb(entry)
    assert _rows() == before


def test_a_key_is_the_books_own(open_shop: Callable[..., Shop]) -> None:
    alice, charlie = open_shop("Alice"), open_shop("Charlie")
    assert journal.post(alice.receipt(1, idem="first")) != journal.post(charlie.receipt(2, idem="first"))


def test_one_key_serves_one_verb_only(shop: Shop) -> None:
    pending = journal.record(shop.receipt(7))
    journal.settle(shop.of(pending, idem="decided"))
    with pytest.raises(errors.IdempotencyConflict):
        journal.void(shop.of(pending, idem="decided"))


def test_the_hash_does_not_depend_on_the_sessions_time_zone(shop: Shop) -> None:
    entry = shop.receipt(7)
    first = journal.post(entry)
    with connection.cursor() as sql:
        sql.execute("SET LOCAL TIME ZONE 'Asia/Kathmandu'")
        assert journal.post(entry) == first


def test_what_was_written_before_an_account_was_closed_can_be_said_again(shop: Shop) -> None:
    entry = shop.receipt(7)
    first = journal.post(entry)
    pending = journal.record(shop.receipt(3))
    shop.custody.closed_at = timezone.now()
    shop.custody.save()
    assert journal.post(entry) == first
    with pytest.raises(errors.AccountClosed):
        journal.post(shop.receipt(8))
    journal.settle(shop.of(pending))
    assert shop.holds(shop.custody).posted == 10


def _settled(shop: Shop) -> int:
    return journal.settle(shop.of(journal.record(shop.receipt(7))))


def _voided(shop: Shop) -> int:
    return journal.void(shop.of(journal.record(shop.receipt(7))))


def _pending(shop: Shop) -> int:
    return journal.record(shop.receipt(7))


def _reversal(shop: Shop) -> int:
    return journal.reverse(shop.of(shop.received(7)))


def _nothing(_: Shop) -> int:
    return 2**62


@pytest.mark.parametrize("verb", ["settle", "void"])
@pytest.mark.parametrize("entry", [Shop.received, _settled, _voided, _reversal, _nothing])
def test_only_what_is_pending_is_settled_or_voided(shop: Shop, verb: str, entry: Callable[..., int]) -> None:
    entry_id = entry(shop, 7) if entry is Shop.received else entry(shop)
    before = _rows()
    with pytest.raises(errors.NotPending) as refusal:
        VERBS[verb](shop.of(entry_id))
    assert refusal.value.code == "entry_not_pending"
    assert _rows() == before


@pytest.mark.parametrize("first", ["settle", "void"])
@pytest.mark.parametrize("second", ["settle", "void"])
def test_what_is_pending_is_resolved_once(shop: Shop, first: str, second: str) -> None:
    pending = _pending(shop)
    VERBS[first](shop.of(pending))
    before = _rows()
    with pytest.raises(errors.AlreadyResolved) as refusal:
        VERBS[second](shop.of(pending))
    assert refusal.value.code == "entry_already_resolved"
    assert _rows() == before


@pytest.mark.parametrize("entry", [_pending, _voided, _reversal, _nothing])
def test_only_what_is_posted_or_settled_is_reversed(shop: Shop, entry: Callable[[Shop], int]) -> None:
    entry_id = entry(shop)
    with pytest.raises(errors.NotReversible) as refusal:
        journal.reverse(shop.of(entry_id))
    assert refusal.value.code == "entry_not_reversible"


@pytest.mark.parametrize("entry", [_settled, lambda shop: shop.received(7)])
def test_what_is_posted_is_reversed_once(shop: Shop, entry: Callable[[Shop], int]) -> None:
    entry_id = entry(shop)
    journal.reverse(shop.of(entry_id))
    before = _rows()
    with pytest.raises(errors.AlreadyReversed) as refusal:
        journal.reverse(shop.of(entry_id))
    assert refusal.value.code == "entry_already_reversed"
    assert _rows() == before


def test_another_books_entry_is_unknown_to_every_verb(open_shop: Callable[..., Shop]) -> None:
    alice, charlie = open_shop("Alice"), open_shop("Charlie")
    pending, posted = _pending(alice), alice.received(7)
    for verb in (journal.settle, journal.void):
        with pytest.raises(errors.NotPending):
            verb(charlie.of(pending))
    with pytest.raises(errors.NotReversible):
        journal.reverse(charlie.of(posted))


def _bad_entries(shop: Shop, other: Shop) -> dict[str, Entry]:
    custody, customer = shop.custody, shop.customer
    return {
        "entry_unbalanced: two sums": shop.entry(Leg(custody, debit=2), Leg(customer, credit=1)),
        "entry_unbalanced: no legs": shop.entry(),
        "entry_unbalanced: one leg": shop.entry(Leg(custody, debit=1)),
        "entry_unbalanced: one side": shop.entry(Leg(custody, debit=1), Leg(customer, debit=1)),
        "leg_invalid: zero": shop.entry(Leg(custody), Leg(customer)),
        "leg_invalid: both sides": shop.entry(Leg(custody, 1, 1), Leg(customer, 1, 1)),
        "leg_invalid: negative": shop.entry(Leg(custody, debit=-1), Leg(customer, credit=-1)),
        "leg_invalid: too large": shop.entry(Leg(custody, debit=10**78), Leg(customer, credit=10**78)),
        "account_unknown: another book's": shop.entry(Leg(custody, debit=1), Leg(other.customer, credit=1)),
        "balance_below_floor: overdrawn": shop.entry(Leg(customer, debit=1), Leg(custody, credit=1)),
    }


@pytest.mark.parametrize("verb", [journal.post, journal.record, lambda entry: journal.post_batch([entry])])
def test_a_bad_entry_is_refused_by_its_code_and_leaves_nothing(
    open_shop: Callable[..., Shop], verb: Callable[[Entry], object]
) -> None:
    shop, other = open_shop("Alice"), open_shop("Charlie")
    before = _rows()
    for name, entry in _bad_entries(shop, other).items():
        with pytest.raises(errors.LedgerError) as refusal:
            verb(entry)
        assert refusal.value.code == name.partition(":")[0]
        assert _rows() == before


def test_one_bad_entry_among_good_ones_spoils_the_batch(open_shop: Callable[..., Shop]) -> None:
    shop, other = open_shop("Alice"), open_shop("Charlie")
    before = _rows()
    for name, entry in _bad_entries(shop, other).items():
        with pytest.raises(errors.LedgerError) as refusal:
            journal.post_batch([shop.receipt(5), entry, shop.receipt(6)] if "floor" not in name else [entry])
        assert refusal.value.code == name.partition(":")[0]
        assert _rows() == before


def _bad_resolutions(shop: Shop, other: Shop) -> dict[str, list[Entry | Resolution]]:
    pending, posted = journal.record(shop.receipt(5, idem="pending")), shop.received(5)
    settled, reversed_ = _settled(shop), shop.received(5)
    journal.reverse(shop.of(reversed_))
    (seen,) = JournalEntry.objects.filter(resolutions=settled).values_list("pk", flat=True)
    kinds = JournalEntry.Kind

    def of(entry: int | str, kind: JournalEntry.Kind) -> Resolution:
        return dataclasses.replace(shop.of(0), entry=entry, kind=kind)

    return {
        "entry_not_pending: no such id": [of(2**62, kinds.SETTLE)],
        "entry_not_pending: no such key": [of("nothing", kinds.VOID)],
        "entry_not_pending: posted": [of(posted, kinds.SETTLE)],
        "entry_not_pending: another book's": [of(journal.record(other.receipt(5)), kinds.SETTLE)],
        "entry_not_pending: named before it is said": [of("later", kinds.SETTLE), shop.receipt(5, idem="later")],
        "entry_not_reversible: pending": [of("pending", kinds.REVERSE)],
        "entry_not_reversible: another book's": [of(other.received(5), kinds.REVERSE)],
        "entry_already_resolved: settled": [of(seen, kinds.VOID)],
        "entry_already_resolved: twice in the batch": [of(pending, kinds.SETTLE), of(pending, kinds.VOID)],
        "entry_already_reversed: reversed": [of(reversed_, kinds.REVERSE)],
        "entry_already_reversed: twice in the batch": [of(posted, kinds.REVERSE), of(posted, kinds.REVERSE)],
    }


def test_one_bad_resolution_spoils_the_batch(open_shop: Callable[..., Shop]) -> None:
    shop, other = open_shop("Alice"), open_shop("Charlie")
    cases = _bad_resolutions(shop, other)
    before = _rows()
    for name, batch in cases.items():
        with pytest.raises(errors.LedgerError) as refusal:
            journal.post_batch([shop.receipt(5), *batch])
        assert refusal.value.code == name.partition(":")[0], name
        assert _rows() == before


def test_a_batch_of_nothing_writes_nothing_and_one_of_two_books_is_no_batch(open_shop: Callable[..., Shop]) -> None:
    shop, other = open_shop("Alice"), open_shop("Charlie")
    before = _rows()
    assert journal.post_batch([]) == []
    with pytest.raises(ValueError, match="one book"):
        journal.post_batch([shop.receipt(1), other.receipt(1)])
    assert _rows() == before


def test_a_balance_of_more_digits_than_are_kept_is_refused(shop: Shop) -> None:
    journal.post(shop.receipt(10**78 - 1))
    before = _rows()
    for write in (journal.post, lambda entry: journal.post_batch([entry, shop.receipt(2)])):
        with pytest.raises(errors.BalanceTooLarge) as refusal:
            write(shop.receipt(1))
        assert refusal.value.code == "balance_too_large"
        assert _rows() == before


def test_two_coins_that_balance_only_together_are_unbalanced(shop: Shop) -> None:
    ether = chart.custody(shop.book.pk, chart.asset("ETH", "eth-chain", 18))
    with pytest.raises(errors.Unbalanced):
        journal.post(shop.entry(Leg(shop.custody, debit=1), Leg(ether, credit=1)))


@pytest.mark.parametrize("base_units", [1.0, True, "1", None])
def test_a_leg_is_of_ints(shop: Shop, base_units: Any) -> None:
    with pytest.raises(TypeError):
        Leg(shop.custody, debit=base_units)


def test_every_error_has_a_code_of_its_own_and_a_state_that_leads_back_to_it() -> None:
    found = errors.LedgerError.__subclasses__()
    codes = [cls.code for cls in (*found, *errors.RateError.__subclasses__())]
    assert len(set(codes)) == len(codes)
    states = [cls.sqlstate for cls in found if cls.sqlstate]
    assert sorted(states) == ["22003", *(f"LG{n:03}" for n in range(1, 17))]


def test_a_refusal_inside_a_larger_transaction_spoils_nothing_else(shop: Shop) -> None:
    with transaction.atomic():
        journal.post(shop.receipt(5))
        with pytest.raises(errors.BelowFloor):
            journal.post(shop.payout(6))
        journal.post(shop.payout(5))
    assert shop.holds(shop.custody).posted == 0


def test_other_failures_of_the_database_are_not_dressed_up(shop: Shop) -> None:
    with pytest.raises(DatabaseError):
        journal.post(dataclasses.replace(shop.receipt(1), idem="x" * 301))


def test_a_balance_of_no_account_is_an_error(shop: Shop) -> None:
    with pytest.raises(errors.UnknownAccount):
        chart.find(shop.book.pk, "assets:nothing", shop.coin)


@committed
def test_the_same_key_from_two_connections_is_one_entry(shop: Shop) -> None:
    for n in range(10):
        same = shop.receipt(1, idem=f"raced {n}")
        results = _all_at_once(*[lambda same=same: journal.post(same)] * 2)
        assert len(set(map(str, results))) == 1
    assert shop.holds(shop.custody).posted == 10
    assert JournalEntry.objects.count() == 10


@committed
def test_the_same_key_with_two_contents_at_once_is_one_entry_and_one_conflict(shop: Shop) -> None:
    for n in range(10):
        one, two = shop.receipt(1, idem=f"raced {n}"), shop.receipt(2, idem=f"raced {n}")
        results = _all_at_once(lambda: journal.post(one), lambda: journal.post(two))  # noqa: B023
        assert sorted(type(result) for result in results if not isinstance(result, int)) == [errors.IdempotencyConflict]


@committed
@pytest.mark.parametrize("verbs", [("settle", "void"), ("settle", "settle"), ("void", "void"), ("reverse", "reverse")])
def test_two_deciders_at_once_and_one_decision(shop: Shop, verbs: tuple[str, str]) -> None:
    for _ in range(8):
        entry = shop.received(1) if verbs[0] == "reverse" else journal.record(shop.receipt(1))
        left, right = shop.of(entry), shop.of(entry)
        results = _all_at_once(lambda: VERBS[verbs[0]](left), lambda: VERBS[verbs[1]](right))  # noqa: B023
        (refusal,) = [result for result in results if not isinstance(result, int)]
        assert isinstance(refusal, (errors.AlreadyResolved, errors.AlreadyReversed))
        assert JournalEntry.objects.filter(ref=entry).count() == 1


@committed
@pytest.mark.parametrize("verb", ["settle", "void", "reverse"])
def test_one_decision_told_twice_at_once_is_written_once(shop: Shop, verb: str) -> None:
    for _ in range(20):
        same = _prepared(shop, verb)
        results = _all_at_once(*[lambda same=same: VERBS[verb](same)] * 2)
        assert len(set(map(str, results))) == 1
        assert isinstance(results[0], int)


@committed
def test_writers_on_one_hot_and_on_crossing_accounts_neither_lose_nor_lock_up(shop: Shop) -> None:
    """Legs in either order, by six writers: a deadlock would raise."""
    shop.received(1_000_000)
    journal.post(shop.entry(Leg(shop.custody, debit=5_000), Leg(shop.owner, credit=5_000)))

    def write(n: int) -> int:
        for i in range(40):
            legs = [Leg(shop.customer, debit=1), Leg(shop.sales, credit=1)]
            extra = [Leg(shop.owner, debit=1), Leg(shop.custody, credit=1)]
            mixed = [*legs, *extra] if (n + i) % 2 else [*reversed(extra), *reversed(legs)]
            entry = journal.record(shop.entry(*mixed, idem=f"{n} {i}"))
            journal.settle(shop.of(entry))
        return n

    results: list[int] = []
    threads = [threading.Thread(target=lambda n=n: _work(results, write, n)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(results) == list(range(6))
    assert shop.holds(shop.sales).posted == 240
    assert shop.holds(shop.customer).posted == 1_000_000 - 240
    for account in (shop.custody, shop.customer, shop.sales, shop.owner):
        seqs = list(
            Posting.objects.filter(account=account).order_by("account_seq").values_list("account_seq", flat=True)
        )
        assert seqs == list(range(1, len(seqs) + 1))


def _work(results: list[int], write: Callable[[int], int], n: int) -> None:
    try:
        results.append(write(n))
    finally:
        connection.close()


@committed
def test_a_balance_is_not_spent_twice_by_many_at_once(shop: Shop) -> None:
    shop.received(10)
    results = _all_at_once(*[lambda n=n: journal.record(shop.payout(3, idem=f"payout {n}")) for n in range(8)])
    assert sum(isinstance(result, int) for result in results) == 3
    assert all(isinstance(result, (int, errors.BelowFloor)) for result in results)
    assert shop.holds(shop.customer).available == 1


def test_each_story_stands_where_its_last_entry_put_it(shop: Shop) -> None:
    shop.received(1_000)
    stories = {
        journal.record(shop.receipt(1)): Standing.UNCONFIRMED,
        shop.received(1): Standing.VALIDATED,
    }
    settled, dropped, taken_back, posted = (
        journal.record(shop.receipt(1)),
        journal.record(shop.receipt(1)),
        journal.record(shop.receipt(1)),
        shop.received(1),
    )
    journal.settle(shop.of(settled))
    journal.void(shop.of(dropped))
    journal.reverse(shop.of(journal.settle(shop.of(taken_back))))
    journal.reverse(shop.of(posted))
    stories |= {
        settled: Standing.VALIDATED,
        dropped: Standing.DROPPED,
        taken_back: Standing.REVERSED,
        posted: Standing.REVERSED,
    }
    found = {entry.pk: vars(entry)["standing"] for entry in story_heads(JournalEntry.objects.all())}
    first = min(found)
    del found[first]
    assert found == {pk: standing.value for pk, standing in stories.items()}


def test_all_standings_cost_one_query(shop: Shop, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for _ in range(5):
        _settled(shop)
    with django_assert_num_queries(1):
        assert len(story_heads(JournalEntry.objects.filter(book=shop.book))) == 5
