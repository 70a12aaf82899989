"""Every balance is explained down to single postings, and every level adds up to the one above."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger import balances, explaining, journal
from ledger.explaining import Explanation, explain
from ledger.journal import Entry, Leg
from ledger.models import Account, JournalEntry, Posting

from .conftest import Shop

pytestmark = pytest.mark.django_db
FIRST = datetime(2026, 1, 5, 9, tzinfo=UTC)
LAST = date(2026, 6, 30)
MOST = 5
Kind = JournalEntry.Kind


def _posted(shop: Shop, at: datetime, base_units: int, source: str = "test") -> int:
    """Coins come in, or with a negative amount go out again, between custody and the owner."""
    units = abs(base_units)
    legs = [Leg(shop.custody, debit=units), Leg(shop.owner, credit=units)]
    if base_units < 0:
        legs = [Leg(shop.owner, debit=units), Leg(shop.custody, credit=units)]
    entry: Entry = replace(shop.entry(*legs), effective_at=at, source=source)
    return journal.post(entry)


@pytest.fixture
def busy(shop: Shop) -> Shop:
    """Half a year: quiet months, one busy month, one busy day in it, at one and the same moment many of them."""
    chance = random.Random(7)
    moments = [FIRST + timedelta(days=chance.randrange(170)) for _ in range(8)]
    moments += [datetime(2026, 4, 1 + chance.randrange(28), chance.randrange(24), tzinfo=UTC) for _ in range(20)]
    moments += [datetime(2026, 4, 12, 8, tzinfo=UTC)] * 9 + [datetime(2026, 4, 12, 17, tzinfo=UTC)] * 4
    chance.shuffle(moments)  # recorded in another order than they happened
    for moment in moments:
        _posted(shop, moment, chance.choice([1, -1]) * chance.randrange(1, 10**9))
    return shop


def _down(account: Account, found: Explanation) -> Iterator[Posting]:
    """All postings at the ends of the ways down, each explanation checked on its way."""
    sign = 1 if account.kind in balances.DEBIT_NORMAL else -1
    assert found.opening + sign * (found.debits - found.credits) == found.closing
    change = sum(group.change for group in found.groups)
    if found.groups:
        assert found.opening + change == found.closing
        assert sum(len(group.lines) for group in found.groups) <= MOST
        for group in found.groups:
            yield from (line.posting for line in group.lines)
    balance = found.opening
    for part in found.parts:
        balance += sign * (part.debits - part.credits)
        assert part.closing == balance
        below = explain(account, part.last, since=part.first, after=part.after, through=part.through, most=MOST)
        assert (below.opening, below.closing) == (balance - sign * (part.debits - part.credits), balance)
        assert (below.debits, below.credits) == (part.debits, part.credits)
        yield from _down(account, below)
    if found.parts:
        assert balance == found.closing


@pytest.mark.parametrize("which", ["custody", "owner"])
def test_the_ways_down_from_a_balance_end_at_every_posting_once(busy: Shop, which: str) -> None:
    account: Account = getattr(busy, which)
    whole = explain(account, LAST, most=MOST)
    assert (whole.opening, whole.closing) == (0, balances.balance(account, as_of=LAST).posted)
    postings = list(Posting.objects.filter(account=account).order_by("effective_at", "account_seq"))
    assert list(_down(account, whole)) == postings
    assert len(postings) == 41


def test_a_balance_behind_any_line_is_explained(busy: Shop) -> None:
    lines = list(balances.statement(busy.custody, date(2026, 1, 1), LAST).lines())
    for number, line in enumerate(lines, 1):
        found = explain(busy.custody, LAST, through=line.posting, most=MOST)
        assert found.closing == line.balance
        assert list(_down(busy.custody, found)) == [above.posting for above in lines[:number]]


def test_a_span_begins_with_what_was_before(busy: Shop) -> None:
    found = explain(busy.custody, date(2026, 5, 31), since=date(2026, 5, 1), most=100)
    assert found.opening == balances.balance(busy.custody, as_of=date(2026, 4, 30)).posted
    assert found.closing == balances.balance(busy.custody, as_of=date(2026, 5, 31)).posted
    listed = [line for group in found.groups for line in group.lines]
    assert {line.posting.effective_at.month for line in listed} <= {5}


def test_what_nothing_was_posted_to_is_explained_too(shop: Shop) -> None:
    found = explain(shop.sales, LAST)
    assert (found.opening, found.closing, found.groups, found.parts) == (0, 0, [], [])
    _posted(shop, FIRST, 5)
    later = explain(shop.custody, LAST, since=date(2026, 6, 1))
    assert (later.opening, later.closing, later.groups) == (5, 5, [])
    line = Posting.objects.get(account=shop.custody)
    behind = explain(shop.custody, FIRST.date(), after=line)
    assert (behind.opening, behind.closing, behind.groups) == (5, 5, [])


def test_lines_are_grouped_by_what_happened(shop: Shop) -> None:
    seen = journal.record(replace(shop.receipt(70), effective_at=FIRST, source="chain:bitcoin"))
    settled = journal.settle(replace(shop.of(seen), effective_at=FIRST, source="chain:bitcoin"))
    journal.reverse(replace(shop.of(settled), effective_at=FIRST, source="chain:bitcoin"))
    _posted(shop, FIRST, 5, source="manual")
    _posted(shop, FIRST, 4, source="payroll")
    found = explain(shop.custody, LAST)
    assert {group.title: group.change for group in found.groups} == {
        "Validated by the chain": 70,
        "Taken back by a reorganisation of the chain": -70,
        "Entries by hand": 5,
        "Posted, payroll": 4,
    }


def test_an_explanation_asks_as_little_of_a_long_history(busy: Shop) -> None:
    def asked(most: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            explain(busy.custody, LAST, most=most)
        return len(queries)

    assert asked(MOST) <= 6
    assert asked(explaining.MOST_LINES) <= 6
