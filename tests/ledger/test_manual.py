"""Entries by hand: signed, priced, limited; above the limit proposed, and carried out by the second person's word."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from ledger import chart, errors, journal, manual, periods, proposals, rates
from ledger.journal import Leg
from ledger.models import Balance, JournalEntry, Posting, Proposal
from ledger.money import to_text
from tests.closing import reviewed
from tests.ledger.conftest import NOON, Shop

pytestmark = pytest.mark.django_db

LIMIT = 2_000_000
"""0.02 BTC at 50,000 EUR: the 1,000 EUR up to which one person suffices."""


@pytest.fixture(autouse=True)
def _price(shop: Shop) -> None:
    rates.record("BTC", "EUR", Decimal(50_000), "test", timezone.now())


def enter(shop: Shop, base_units: int, *legs: Leg, **other: Any) -> JournalEntry | Proposal:
    """Bob writes that coins were there from the beginning."""
    said: dict[str, Any] = {
        "effective_at": NOON,
        "description": "Opening balance",
        "reason": "We begin to keep books",
        "by": "Bob",
        **other,
    }
    return manual.enter(shop.book, legs or opening(shop, base_units), **said)


def opening(shop: Shop, base_units: int) -> list[Leg]:
    return [Leg(shop.custody, debit=base_units), Leg(shop.owner, credit=base_units)]


def written(shop: Shop, base_units: int, **other: Any) -> JournalEntry:
    entry = enter(shop, base_units, **other)
    assert isinstance(entry, JournalEntry)
    return entry


def asked(shop: Shop, base_units: int, *legs: Leg, **other: Any) -> Proposal:
    proposal = enter(shop, base_units, *legs, **other)
    assert isinstance(proposal, Proposal)
    return proposal


def approved(proposal: Proposal) -> JournalEntry:
    decision = proposals.approve(proposal, by="Alice")
    assert decision.entry is not None
    return decision.entry


def rows() -> list[Any]:
    return [list(table._default_manager.order_by("pk").values_list()) for table in (JournalEntry, Posting, Balance)]


def close(shop: Shop, through: date) -> None:
    proposals.approve(
        periods.ask_to_close(shop.book, through, reason="It is over", by="Bob", review=reviewed(shop.book.pk, through)),
        by="Alice",
    )


def test_up_to_the_limit_it_is_written_at_once_and_says_who_and_why(shop: Shop) -> None:
    entry = written(shop, LIMIT)
    assert (entry.kind, entry.source, entry.effective_at) == (JournalEntry.Kind.POST, "manual", NOON)
    assert entry.description == "Opening balance"
    assert entry.meta == {"by": "Bob", "reason": "We begin to keep books"}
    assert shop.holds(shop.custody).posted == LIMIT
    assert not Proposal.objects.exists()


def test_above_the_limit_it_waits_for_a_second_person(shop: Shop) -> None:
    before = rows()
    proposal = asked(shop, LIMIT + 1)
    assert rows() == before
    assert (proposal.kind, proposal.asked_by, proposal.reason) == ("entry", "Bob", "We begin to keep books")
    assert proposal.contents["legs"][0] == {
        "account": shop.custody.pk,
        "code": "assets:custody:btc-chain",
        "asset": "BTC",
        "debit": "2000001",
        "credit": "0",
    }
    entry = approved(proposal)
    assert (entry.source, entry.effective_at, entry.description) == ("manual", NOON, "Opening balance")
    assert entry.meta == {
        "by": "Bob",
        "reason": "We begin to keep books",
        "approved_by": "Alice",
        "proposal": proposal.pk,
    }
    assert shop.holds(shop.custody).posted == LIMIT + 1


def _no_rate(shop: Shop) -> None:
    shop.book.currency = "CHF"


def _stale_rate(shop: Shop) -> None:
    shop.book.currency = "USD"
    rates.record("BTC", "USD", Decimal(1), "test", timezone.now() - timedelta(days=30))


def _suspect_rate(_: Shop) -> None:
    rates.record("BTC", "EUR", Decimal(1), "test", timezone.now())


def _no_limit_left(shop: Shop) -> None:
    shop.book.second_person_above = Decimal(0)


@pytest.mark.parametrize("trouble", [_no_rate, _stale_rate, _suspect_rate, _no_limit_left])
def test_what_cannot_be_trusted_to_be_small_needs_a_second_person(shop: Shop, trouble: Callable[[Shop], None]) -> None:
    trouble(shop)
    asked(shop, 1)


def test_assets_are_added_up(shop: Shop) -> None:
    rates.record("ETH", "EUR", Decimal(2_000), "test", timezone.now())
    ether = chart.asset("ETH", "eth-chain", 18)
    custody, owner = chart.custody(shop.book.pk, ether), chart.add_account(shop.book.pk, "equity:owner", "Me", ether)
    half = [*opening(shop, LIMIT // 2), Leg(owner, debit=25 * 10**16), Leg(custody, credit=25 * 10**16)]
    assert manual.worth(shop.book, half) == 1_000
    assert not manual.needs_second_person(shop.book, half)
    legs = [*opening(shop, LIMIT // 2), Leg(owner, debit=25 * 10**16 + 1), Leg(custody, credit=25 * 10**16 + 1)]
    assert manual.worth(shop.book, legs) == Decimal("1000.000000000000002")
    approved(asked(shop, 0, *legs))
    assert shop.holds(custody).posted == -25 * 10**16 - 1


def test_a_split_leg_hides_nothing(shop: Shop) -> None:
    legs = [Leg(shop.custody, debit=1)] * LIMIT
    assert manual.worth(shop.book, [*legs, *opening(shop, 1)]) == Decimal("1000.0005")


def test_the_books_own_currency_is_worth_itself_and_no_token_that_calls_itself_so(shop: Shop) -> None:
    euro, token = chart.asset("EUR", "", 2, "EUR"), chart.asset("EUR", "eth-chain", 2, "0xabc")
    for asset, value in ((euro, Decimal(5)), (token, None)):
        cash, owner = (chart.add_account(shop.book.pk, code, code, asset) for code in ("assets:cash", "equity:owner"))
        assert manual.worth(shop.book, [Leg(cash, debit=500), Leg(owner, credit=500)]) == value


def test_the_largest_amounts_are_compared_exactly(shop: Shop) -> None:
    assert manual.worth(shop.book, opening(shop, 10**78 - 1)) == Decimal(to_text((10**78 - 1) * 5, 4))


def test_the_rate_of_its_day_stands_on_the_entry(shop: Shop) -> None:
    then = rates.record("BTC", "EUR", Decimal(45_000), "test", NOON - timedelta(minutes=1))
    assert written(shop, 1).rate == then
    assert written(shop, 1, effective_at=NOON - timedelta(days=1)).rate is None
    assert approved(asked(shop, LIMIT + 1)).rate == then


def _bad_legs(shop: Shop, other: Shop) -> dict[str, list[Leg]]:
    ether = chart.custody(shop.book.pk, chart.asset("ETH", "eth-chain", 18))
    closed = chart.add_account(shop.book.pk, "expense:rent", "Rent", shop.coin)
    chart.close_account(closed)
    return {
        "entry_unbalanced": [Leg(shop.custody, debit=2), Leg(shop.owner, credit=1)],
        "entry_unbalanced ": [],
        "entry_unbalanced  ": [Leg(shop.custody, debit=1), Leg(ether, credit=1)],
        "leg_invalid": [Leg(shop.custody, debit=-1), Leg(shop.owner, credit=-1)],
        "account_unknown": [Leg(shop.custody, debit=1), Leg(other.owner, credit=1)],
        "account_closed": [Leg(closed, debit=1), Leg(shop.owner, credit=1)],
    }


@pytest.mark.parametrize("limit", [0, 10**9])
def test_a_bad_entry_is_refused_when_it_is_asked_and_leaves_nothing(open_shop: Callable[..., Shop], limit: int) -> None:
    shop, other = open_shop("Alice"), open_shop("Charlie")
    shop.book.second_person_above = Decimal(limit)
    bad = _bad_legs(shop, other)
    before = rows()
    for code, legs in bad.items():
        with pytest.raises(errors.LedgerError) as refusal:
            manual.enter(shop.book, legs, effective_at=NOON, description="An entry", reason="It must be", by="Bob")
        assert refusal.value.code == code.strip()
        assert rows() == before
    assert not Proposal.objects.exists()


@pytest.mark.parametrize("base_units", [1, LIMIT + 1])
def test_nothing_by_hand_falls_into_a_closed_period_or_is_carried_out_of_it(shop: Shop, base_units: int) -> None:
    close(shop, NOON.date())
    with pytest.raises(errors.PeriodClosed) as refusal:
        enter(shop, base_units)
    assert refusal.value.code == "period_closed"
    enter(shop, base_units, effective_at=datetime(2026, 3, 2, tzinfo=UTC))


@pytest.mark.parametrize("base_units", [1, LIMIT + 1])
@pytest.mark.parametrize("reason", ["", " \n"])
def test_without_a_reason_nothing_is_written_or_asked(shop: Shop, base_units: int, reason: str) -> None:
    with pytest.raises(errors.ReasonMissing) as refusal:
        enter(shop, base_units, reason=reason)
    assert refusal.value.code == "reason_missing"
    with pytest.raises(errors.ReasonMissing):
        manual.reverse(JournalEntry.objects.get(pk=shop.received(base_units)), reason=reason, by="Bob")
    assert not Proposal.objects.exists()


@pytest.mark.parametrize("other", [{"by": " "}, {"effective_at": datetime(2026, 3, 1)}])  # noqa: DTZ001
def test_nobody_and_a_moment_without_a_time_zone_write_nothing(shop: Shop, other: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"a name|a time zone"):
        enter(shop, 1, **other)


def test_a_floor_holds_at_once_below_the_limit_and_at_the_approval_above_it(shop: Shop) -> None:
    shop.received(1)
    with pytest.raises(errors.BelowFloor):
        enter(shop, 0, Leg(shop.customer, debit=2), Leg(shop.sales, credit=2))
    much = LIMIT + 1
    proposal = asked(shop, 0, Leg(shop.customer, debit=much), Leg(shop.sales, credit=much))
    with pytest.raises(errors.BelowFloor):
        proposals.approve(proposal, by="Alice")
    assert proposals.waiting(Proposal.objects.all()).get() == proposal
    shop.received(LIMIT)
    approved(proposal)
    assert shop.holds(shop.customer).posted == 0


def test_the_same_key_twice_is_written_once(shop: Shop) -> None:
    first = written(shop, 5, idem="once")
    before = rows()
    assert written(shop, 5, idem="once") == first
    with pytest.raises(errors.IdempotencyConflict):
        enter(shop, 6, idem="once")
    shop.book.second_person_above = Decimal(0)  # whatever it would need today, it is written
    assert written(shop, 5, idem="once") == first
    assert rows() == before


def test_without_a_key_the_same_twice_is_two(shop: Shop) -> None:
    assert written(shop, 5) != written(shop, 5)


def test_the_same_key_twice_is_asked_once_and_then_is_what_came_of_it(shop: Shop) -> None:
    proposal = asked(shop, LIMIT + 1, idem="once")
    assert asked(shop, LIMIT + 1, idem="once") == proposal
    with pytest.raises(errors.IdempotencyConflict):
        enter(shop, LIMIT + 2, idem="once")
    entry = approved(proposal)
    assert enter(shop, LIMIT + 1, idem="once") == entry
    with pytest.raises(errors.IdempotencyConflict):
        enter(shop, LIMIT + 2, idem="once")


def test_what_was_refused_is_not_asked_again_under_its_key(shop: Shop) -> None:
    proposal = asked(shop, LIMIT + 1, idem="once")
    proposals.refuse(proposal, by="Alice", reason="No such coins")
    assert asked(shop, LIMIT + 1, idem="once") == proposal
    assert not JournalEntry.objects.exists()


def test_a_key_by_hand_meets_no_other_key(shop: Shop) -> None:
    shop_entry = journal.post(shop.receipt(5, idem="once"))
    assert written(shop, 5, idem="once").pk != shop_entry


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("base_units", [5, LIMIT + 1])
def test_the_same_key_from_many_at_once_is_one(shop: Shop, base_units: int) -> None:
    found: list[JournalEntry | Proposal] = []
    start = threading.Barrier(5)

    def run() -> None:
        try:
            start.wait()
            found.append(enter(shop, base_units, idem="once"))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 5
    assert all(one == found[0] for one in found)
    assert JournalEntry.objects.count() + Proposal.objects.count() == 1


def _posted(shop: Shop) -> int:
    return shop.received(7)


def _settled(shop: Shop) -> int:
    return journal.settle(shop.of(journal.record(shop.receipt(7))))


def _by_hand(shop: Shop) -> int:
    return written(shop, 7).pk


@pytest.mark.parametrize("entry", [_posted, _settled, _by_hand])
@pytest.mark.parametrize("limit", [0, 1000])
def test_what_was_posted_is_reversed_with_a_reason(shop: Shop, entry: Callable[[Shop], int], limit: int) -> None:
    before, taken = shop.holds(shop.custody).posted, JournalEntry.objects.get(pk=entry(shop))
    taken.book.second_person_above = Decimal(limit)
    done = manual.reverse(taken, reason="It was never ours", by="Bob")
    assert isinstance(done, JournalEntry if limit else Proposal)
    found = approved(done) if isinstance(done, Proposal) else done
    assert (found.kind, found.ref_id, found.source) == (JournalEntry.Kind.REVERSE, taken.pk, "manual")
    assert (found.meta["by"], found.meta["reason"]) == ("Bob", "It was never ours")
    assert found.meta.get("approved_by") == (None if limit else "Alice")
    assert abs(timezone.now() - found.effective_at) < timedelta(minutes=1)
    assert taken.description in found.description
    assert shop.holds(shop.custody).posted == before


def _pending(shop: Shop) -> int:
    return journal.record(shop.receipt(7))


def _void(shop: Shop) -> int:
    return journal.void(shop.of(_pending(shop)))


def _reversal(shop: Shop) -> int:
    return journal.reverse(shop.of(_posted(shop)))


@pytest.mark.parametrize("entry", [_pending, _void, _reversal])
@pytest.mark.parametrize("limit", [0, 1000])
def test_only_what_was_posted_is_reversed(shop: Shop, entry: Callable[[Shop], int], limit: int) -> None:
    taken = JournalEntry.objects.get(pk=entry(shop))
    taken.book.second_person_above = Decimal(limit)
    with pytest.raises(errors.NotReversible):
        manual.reverse(taken, reason="No", by="Bob")
    assert not Proposal.objects.exists()


def test_it_is_reversed_once_by_whichever_way(shop: Shop) -> None:
    taken = JournalEntry.objects.get(pk=shop.received(LIMIT + 1))
    one, two = (manual.reverse(taken, reason=reason, by="Bob") for reason in ("first", "second"))
    assert isinstance(one, Proposal)
    assert isinstance(two, Proposal)
    approved(one)
    with pytest.raises(errors.AlreadyReversed):
        proposals.approve(two, by="Alice")
    with pytest.raises(errors.AlreadyReversed):
        manual.reverse(taken, reason="third", by="Bob")
    proposals.refuse(two, by="Alice", reason="It is reversed")


def test_a_reversal_may_be_dated_back_but_not_into_a_closed_period(shop: Shop) -> None:
    first, second = (JournalEntry.objects.get(pk=shop.received(1)) for _ in range(2))
    close(shop, NOON.date())
    with pytest.raises(errors.PeriodClosed):
        manual.reverse(first, reason="No", by="Bob", effective_at=NOON)
    later = NOON + timedelta(days=1)
    done = manual.reverse(first, reason="No", by="Bob", effective_at=later)
    assert isinstance(done, JournalEntry)
    assert done.effective_at == later
    second.book.second_person_above = Decimal(0)
    proposal = manual.reverse(second, reason="No", by="Bob", effective_at=later)
    assert isinstance(proposal, Proposal)
    assert approved(proposal).effective_at == later


@pytest.mark.parametrize("base_units", [1, LIMIT + 1])
def test_the_same_key_reverses_once(shop: Shop, base_units: int) -> None:
    first, second = (JournalEntry.objects.get(pk=shop.received(base_units)) for _ in range(2))
    done = manual.reverse(first, reason="No", by="Bob", idem="once")
    assert manual.reverse(first, reason="No", by="Bob", idem="once") == done
    with pytest.raises(errors.IdempotencyConflict):
        manual.reverse(second, reason="No", by="Bob", idem="once")
    if isinstance(done, Proposal):
        entry = approved(done)
        assert manual.reverse(first, reason="No", by="Bob", idem="once") == entry


def test_a_rehearsal_keeps_nothing_locked(shop: Shop) -> None:
    """What was asked hinders nobody: not even within the transaction that asked."""
    with transaction.atomic():
        asked(shop, LIMIT + 1)
        with connection.cursor() as sql:
            sql.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 7263")
            assert sql.fetchone() == (0,)
