"""Each rule of the books is broken once, behind the ledger's back, and the check must name that row."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from ledger import chart, checking, errors, journal, rates
from ledger.checking import Invariant, check
from ledger.journal import Leg
from ledger.models import (
    Account,
    AccountDay,
    Book,
    Decision,
    JournalEntry,
    PeriodChange,
    Posting,
    Proposal,
)
from tests import database
from tests.closing import change
from tests.ledger.breaking import Story, broken, look_at_the_constraints, rows, tamper, tell
from tests.ledger.conftest import NOON, Shop

committed = pytest.mark.django_db(transaction=True)
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("the_ledger_alone")]

ALL = range(1, 11)


@pytest.fixture
def story(open_shop: Callable[..., Shop]) -> Story:
    told = tell(open_shop)
    look_at_the_constraints()
    return told


def test_sound_books_break_nothing(story: Story) -> None:
    shop = story.shop
    for books in (None, [shop.book.pk], [story.other.book.pk]):
        for since in (None, NOON, datetime.now(UTC) + timedelta(days=1)):
            assert broken(books, since) == {}
    assert [outcome.invariant.number for outcome in check()] == list(ALL)


BREACHES: list[tuple[int, str, str, str]] = [
    (1, "UPDATE ledger_posting SET debit = debit + 1 WHERE id = %(leg)s", "journalentry", "posted"),
    (1, "DELETE FROM ledger_posting WHERE id = %(leg_2)s", "journalentry", "posted"),
    (1, "DELETE FROM ledger_posting WHERE entry_id = %(posted)s", "journalentry", "posted"),
    (1, "UPDATE ledger_posting SET leg = 5 WHERE id = %(leg_2)s", "journalentry", "posted"),
    (1, "UPDATE ledger_posting SET asset_id = %(other_coin)s WHERE id = %(leg)s", "journalentry", "posted"),
    (1, "UPDATE ledger_posting SET layer = 1 WHERE id = %(leg)s", "journalentry", "posted"),
    (1, "UPDATE ledger_journalentry SET legs = 3 WHERE id = %(settled)s", "journalentry", "settled"),
    (2, "UPDATE ledger_balance SET posted = posted + 1 WHERE id = %(balance)s", "balance", "balance"),
    (2, "UPDATE ledger_balance SET pending_in = 0 WHERE id = %(balance)s", "balance", "balance"),
    (2, "UPDATE ledger_balance SET pending_out = 3 WHERE id = %(balance)s", "balance", "balance"),
    (2, "DELETE FROM ledger_balance WHERE id = %(balance)s", "balance", ""),
    (2, "DELETE FROM ledger_posting WHERE entry_id = %(posted)s", "balance", "balance"),
    (3, "UPDATE ledger_posting SET account_seq = 900 WHERE id = %(newest_leg)s", "posting", "newest_leg"),
    (3, "UPDATE ledger_balance SET seq = seq + 1 WHERE id = %(balance)s", "balance", "balance"),
    (3, "DELETE FROM ledger_posting WHERE id = %(newest_leg)s", "balance", "balance"),
    (4, "UPDATE ledger_posting SET balance_after = 5 WHERE id = %(newest_leg)s", "posting", "newest_leg"),
    (4, "UPDATE ledger_posting SET debit = debit + 1 WHERE id = %(leg)s", "posting", "leg"),
    (5, "UPDATE ledger_accountday SET debit = debit + 1 WHERE id = %(day)s", "accountday", "day"),
    (5, "UPDATE ledger_accountday SET debit = 0 WHERE id = %(day)s", "accountday", "day"),
    (5, "DELETE FROM ledger_accountday WHERE id = %(day)s", "accountday", ""),
    (5, "UPDATE ledger_accountday SET day = day + 1 WHERE id = %(day)s", "accountday", ""),
    (5, "UPDATE ledger_balance SET day_debit = day_debit + 1 WHERE id = %(balance)s", "balance", "balance"),
    (5, "UPDATE ledger_balance SET day_credit = 0 WHERE id = %(balance)s", "balance", "balance"),
    (5, "UPDATE ledger_balance SET day = NULL WHERE id = %(balance)s", "accountday", ""),
    (5, "UPDATE ledger_balance SET day = day + 1 WHERE id = %(balance)s", "accountday", ""),
    (
        5,
        "INSERT INTO ledger_accountday (book_id, account_id, day, debit, credit)"
        " VALUES (%(book)s, %(custody)s, '2020-01-01', 0, 0)",
        "accountday",
        "new",
    ),
    (
        6,
        "DROP INDEX entry_resolved_once; UPDATE ledger_journalentry SET ref_id = %(seen)s WHERE id = %(voided)s",
        "journalentry",
        "voided",
    ),
    (6, "UPDATE ledger_journalentry SET ref_id = %(posted)s WHERE id = %(settled)s", "journalentry", "settled"),
    (6, "UPDATE ledger_journalentry SET ref_id = %(seen)s WHERE id = %(reversed)s", "journalentry", "reversed"),
    (6, "UPDATE ledger_journalentry SET ref_id = 999999 WHERE id = %(voided)s", "journalentry", "voided"),
    (6, "UPDATE ledger_journalentry SET kind = 4 WHERE id = %(settled)s", "journalentry", "settled"),
    (
        6,
        "UPDATE ledger_posting SET debit = debit * 2, credit = credit * 2 WHERE entry_id = %(settled)s",
        "journalentry",
        "settled",
    ),
    (6, "DELETE FROM ledger_posting WHERE entry_id = %(voided)s", "journalentry", "voided"),
    (6, "UPDATE ledger_posting SET layer = 2 WHERE id = %(pending_leg)s", "posting", "pending_leg"),
    (7, "UPDATE ledger_posting SET effective_at = now() WHERE id = %(leg)s", "posting", "leg"),
    (7, "UPDATE ledger_posting SET asset_id = %(other_coin)s WHERE id = %(leg)s", "posting", "leg"),
    (7, "UPDATE ledger_posting SET book_id = %(other_book)s WHERE id = %(leg)s", "posting", "leg"),
    (7, "UPDATE ledger_posting SET account_id = %(other_custody)s WHERE id = %(leg)s", "posting", "leg"),
    (7, "UPDATE ledger_posting SET entry_id = 999999 WHERE id = %(leg)s", "posting", "leg"),
    (7, "DELETE FROM ledger_journalentry WHERE id = %(posted)s", "posting", "leg"),
    (7, "DELETE FROM ledger_account WHERE id = %(custody)s", "posting", "leg"),
    (7, "UPDATE ledger_account SET asset_id = %(other_coin)s WHERE id = %(custody)s", "posting", "leg"),
    (7, "UPDATE ledger_account SET floor = -1 WHERE id = %(customer)s", "balance", "customers_balance"),
    (7, "UPDATE ledger_balance SET floor = NULL WHERE id = %(customers_balance)s", "balance", "customers_balance"),
    (7, "UPDATE ledger_balance SET book_id = %(other_book)s WHERE id = %(balance)s", "balance", "balance"),
    (7, "UPDATE ledger_balance SET asset_id = %(other_coin)s WHERE id = %(balance)s", "balance", "balance"),
    (7, "UPDATE ledger_balance SET debit_normal = NOT debit_normal WHERE id = %(balance)s", "balance", "balance"),
    (7, "UPDATE ledger_balance SET closed = true WHERE id = %(balance)s", "balance", "balance"),
    (7, "UPDATE ledger_account SET closed_at = now() WHERE id = %(customer)s", "balance", "customers_balance"),
    (
        7,
        "ALTER TABLE ledger_balance DROP CONSTRAINT ledger_balance_floor;"
        "UPDATE ledger_balance SET posted = -1 WHERE id = %(customers_balance)s",
        "balance",
        "customers_balance",
    ),
    (7, "DELETE FROM ledger_asset WHERE id = %(coin)s", "account", "owner"),
    (7, "UPDATE ledger_journalentry SET source = 'me' WHERE id = %(posted)s", "journalentry", "posted"),
    (7, "UPDATE ledger_journalentry SET idem_hash = '' WHERE id = %(reversed)s", "journalentry", "reversed"),
    (7, "UPDATE ledger_journalentry SET rate_id = 999999 WHERE id = %(posted)s", "journalentry", "posted"),
    (7, "UPDATE ledger_journalentry SET txid = 'other' WHERE id = %(posted)s", "journalentry", "posted"),
    (7, "UPDATE ledger_journalentry SET invoice_ref = '' WHERE id = %(settled)s", "journalentry", "settled"),
    (7, "UPDATE ledger_journalentry SET order_ref = 'other' WHERE id = %(voided)s", "journalentry", "voided"),
    (
        7,
        "UPDATE ledger_posting SET debit = debit * 2, credit = credit * 2 WHERE entry_id = %(posted)s",
        "journalentry",
        "posted",
    ),
    (
        7,
        "UPDATE ledger_journalentry SET effective_at = effective_at + interval '1 microsecond' WHERE id = %(posted)s;"
        "UPDATE ledger_posting SET effective_at = effective_at + interval '1 microsecond' WHERE entry_id = %(posted)s",
        "journalentry",
        "posted",
    ),
]


@pytest.mark.parametrize(("number", "statement", "table", "row"), BREACHES)
def test_what_breaks_a_rule_is_named(story: Story, number: int, statement: str, table: str, row: str) -> None:
    names = {**story.names, "": None}
    tamper(statement, names)
    names["new"] = AccountDay.objects.latest("pk").pk
    assert (table, names[row]) in rows(broken()[number])
    if "book_id = " not in statement:
        assert (table, names[row]) in rows(broken([story.shop.book.pk])[number])


def test_expected_and_found_are_told(story: Story) -> None:
    tamper("UPDATE ledger_balance SET posted = posted + 1 WHERE id = %(balance)s", story.names)
    (violation,) = broken()[2]
    assert violation.book_id == story.shop.book.pk
    assert violation.place == "assets:custody:btc-chain BTC"
    assert violation.expected == "posted 1030, pending in 9, pending out 0"
    assert violation.found == "posted 1031, pending in 9, pending out 0"


def test_the_first_of_many_is_named(story: Story) -> None:
    tamper("UPDATE ledger_journalentry SET source = 'me' WHERE book_id = %(book)s", story.names)
    assert rows(broken()[7]) == [("journalentry", story.posted)]
    assert broken()[7][0].place == JournalEntry.objects.get(pk=story.posted).idem


def test_a_book_is_checked_by_itself(story: Story) -> None:
    tamper("UPDATE ledger_balance SET posted = posted + 1 WHERE id = %(balance)s", story.names)
    assert list(broken([story.shop.book.pk])) == [2]
    assert broken([story.other.book.pk]) == {}


LATER = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("number", "statement", "table", "row"), [breach for breach in BREACHES if breach[0] in (2, 5)]
)
def test_sums_are_of_the_whole_history(story: Story, number: int, statement: str, table: str, row: str) -> None:
    tamper(statement, story.names)
    assert number in broken(since=LATER), (table, row)


def test_old_rows_are_left_out_and_new_ones_are_not(story: Story) -> None:
    tamper(
        "UPDATE ledger_journalentry SET recorded_at = recorded_at - interval '30 minutes'"
        " WHERE book_id = %(book)s AND id <= %(posted)s",
        story.names,
    )
    lately = datetime.now(UTC) - timedelta(minutes=15)
    assert broken(since=lately) == {}
    tamper("UPDATE ledger_journalentry SET source = 'me' WHERE id = %(posted)s", story.names)
    assert broken(since=lately) == {}
    assert list(broken()) == [7]
    tamper("UPDATE ledger_journalentry SET source = 'me' WHERE id = %(settled)s", story.names)
    assert rows(broken(since=lately)[7]) == [("journalentry", story.settled)]


def test_a_running_balance_whose_beginning_is_left_out_ends_in_the_balance(story: Story) -> None:
    """Lifted by the same amount from some posting on, each step of it is right."""
    names = story.names
    tamper(
        "UPDATE ledger_journalentry SET recorded_at = recorded_at - interval '10 days' WHERE id <= %(posted)s;"
        "UPDATE ledger_posting SET balance_after = balance_after + 10"
        " WHERE account_id = %(custody)s AND layer = 0 AND entry_id > %(posted)s",
        names,
    )
    assert 4 in broken(since=datetime.now(UTC) - timedelta(days=1))
    assert 4 in broken()


def test_every_entry_is_hashed_as_written(shop: Shop) -> None:
    """Of any time, amount, order of legs and verb; with text in meta that looks like a moment and is none."""
    for n, text in enumerate(["", "2026-02-31T12:00:00", "2026-03-01T12:00:00.5", "0000-00-00T99:99:99", "soon"]):
        journal.post(
            journal.Entry(
                book_id=shop.book.pk,
                idem=f"odd {n}",
                legs=[Leg(shop.custody, debit=5), Leg(shop.owner, credit=2), Leg(shop.owner, credit=3)],
                effective_at=NOON + timedelta(microseconds=n),
                description="",
                source="test",
                meta={"happened_at": text},
            )
        )
    largest = 10**77
    journal.post_batch([shop.entry(Leg(shop.owner, debit=largest), Leg(shop.custody, credit=largest)), shop.receipt(3)])
    assert broken() == {}


def test_a_carried_entry_is_hashed_by_its_own_time(shop: Shop) -> None:
    _close(shop, "2026-03-31")
    entry = shop.receipt(5)
    carried = journal.Entry(
        book_id=shop.book.pk,
        idem="late",
        legs=entry.legs,
        effective_at=NOON + timedelta(microseconds=7),
        description="",
        source="test",
        carry=True,
    )
    entry_id = journal.post(carried)
    assert JournalEntry.objects.get(pk=entry_id).effective_at == datetime(2026, 4, 1, tzinfo=UTC)
    assert broken() == {}
    look_at_the_constraints()
    names = {"entry": entry_id}
    tamper(
        "UPDATE ledger_journalentry SET effective_at = effective_at + interval '1 hour' WHERE id = %(entry)s;"
        "UPDATE ledger_posting SET effective_at = effective_at + interval '1 hour' WHERE entry_id = %(entry)s",
        names,
    )
    assert rows(broken()[7]) == [("journalentry", entry_id)]


# 9: closed is closed


def _close(shop: Shop, through: str | None, by: str = "ben") -> PeriodChange:
    look_at_the_constraints()
    return change(shop.book.pk, date.fromisoformat(through) if through else None, asked_by="ann", approved_by=by)


def test_what_was_slipped_into_a_closed_period_is_named(story: Story) -> None:
    shop = story.shop
    _close(shop, "2026-03-31")
    april = journal.post(shop.entry(Leg(shop.custody, debit=1), Leg(shop.owner, credit=1), minutes=60 * 24 * 31))
    assert broken() == {}
    look_at_the_constraints()
    tamper(
        "UPDATE ledger_journalentry SET effective_at = '2026-03-31 23:59:59Z' WHERE id = %(april)s", {"april": april}
    )
    assert rows(broken()[9]) == [("journalentry", april)]


def test_what_was_written_before_a_closing_or_between_two_is_sound(shop: Shop) -> None:
    shop.received(1)
    _close(shop, "2026-03-31")
    _close(shop, None)
    shop.received(2)
    _close(shop, "2026-02-28")
    shop.received(3)
    _close(shop, "2026-03-31")
    with pytest.raises(errors.PeriodClosed):
        shop.received(4)
    assert broken() == {}


def test_a_closing_deleted_after_the_fact_or_moved_is_not_forgotten_by_its_successor(shop: Shop) -> None:
    first = _close(shop, "2026-02-28")
    shop.received(1)
    _close(shop, "2026-03-31")
    look_at_the_constraints()
    tamper("UPDATE ledger_periodchange SET closed_through = '2026-03-31' WHERE id = %(first)s", {"first": first.pk})
    assert 9 in broken()


@committed
def test_who_was_writing_while_the_books_closed_broke_nothing(shop: Shop) -> None:
    """The closing waits for them; what they still write belongs before it."""
    closing = threading.Thread(target=lambda: (_close(shop, "2026-03-31"), connection.close()))
    with transaction.atomic():
        shop.received(1)
        closing.start()
        with connection.cursor() as cursor:
            for _ in range(200):
                cursor.execute(
                    "SELECT pg_sleep(0.02), count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                )
                if cursor.fetchone()[1]:
                    break
        shop.received(2)
    closing.join()
    assert PeriodChange.objects.count() == 1
    with pytest.raises(errors.PeriodClosed):
        shop.received(3)
    assert broken() == {}


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE ledger_periodchange DROP CONSTRAINT period_second_person;"
        "UPDATE ledger_periodchange SET approved_by = ' ' || upper(asked_by)",
        "ALTER TABLE ledger_periodchange DROP CONSTRAINT period_has_a_reason;"
        "UPDATE ledger_periodchange SET reason = ''",
        "UPDATE ledger_periodchange SET approved_by = ''",
        "UPDATE ledger_periodchange SET closed_through = recorded_at::date",
    ],
)
def test_a_change_of_periods_without_two_people_and_a_reason_is_named(shop: Shop, statement: str) -> None:
    change = _close(shop, "2026-03-31")
    look_at_the_constraints()
    assert broken() == {}
    tamper(statement)
    assert rows(broken()[9]) == [("periodchange", change.pk)]


@pytest.mark.parametrize(
    "change",
    ["decided_by = 'ann'", "decided_by = 'Ann '", "decided_by = ''", "proposal_id = 999999", "book_id = 999999"],
)
def test_a_decision_by_who_asked_is_named(shop: Shop, change: str) -> None:
    asked = Proposal.objects.create(
        book=shop.book, kind=Proposal.Kind.CLOSE, contents={}, reason="over", asked_by="ann"
    )
    decision = Decision.objects.create(book=shop.book, proposal=asked, verdict="refused", reason="no", decided_by="ben")
    look_at_the_constraints()
    assert broken() == {}
    tamper(f"UPDATE ledger_decision SET {change}")  # noqa: S608 - of the list above
    assert rows(broken()[9]) == [("decision", decision.pk)]


# 10: clearing accounts


@pytest.mark.parametrize(
    ("moves", "late"),
    [
        ([], None),
        ([(0, 5), (24, -5)], None),
        ([(0, 5), (48, -5)], None),
        ([(0, 5), (49, -5)], 0),
        ([(0, 5), (24, 3), (49, -8)], 0),
        ([(0, 5), (1, -5), (40, 7), (88, -7)], None),
        ([(0, 5), (1, -5), (40, 7), (89, -7)], 2),
        ([(0, -5), (60, 5)], 0),
        ([(0, 5), (30, -5), (31, 4), (60, -4)], None),
        ([(0, 5)], 0),
    ],
)
def test_a_clearing_account_that_does_not_clear_is_named(
    shop: Shop, moves: list[tuple[int, int]], late: int | None
) -> None:
    """Hours and amounts; it has two days. What is recorded later may be effective earlier."""
    transit = chart.open_account(
        shop.book.pk, "assets:in transit", "In transit", shop.coin, Account.Kind.ASSET, clears_within_days=2
    )
    written = {}
    for n in reversed(range(len(moves))):
        hours, base_units = moves[n]
        legs = [Leg(transit, debit=base_units), Leg(shop.owner, credit=base_units)]
        if base_units < 0:
            legs = [Leg(shop.owner, debit=-base_units), Leg(transit, credit=-base_units)]
        entry_id = journal.post(shop.entry(*legs, minutes=hours * 60))
        written[n] = Posting.objects.get(entry=entry_id, account=transit).pk
    expected = {} if late is None else {10: [("posting", written[late])]}
    assert {number: rows(found) for number, found in broken().items()} == expected


# the command


def test_the_command_tells_and_fails(story: Story) -> None:
    out = StringIO()
    call_command("check_ledger", stdout=out)
    assert "The books are sound." in out.getvalue()
    tamper("UPDATE ledger_balance SET posted = posted + 1 WHERE id = %(balance)s", story.names)
    out = StringIO()
    with pytest.raises(CommandError, match="1 of the rules is broken") as failed:
        call_command("check_ledger", "--tenant", str(story.shop.book.pk), stdout=out)
    assert failed.value.returncode == 1
    told = f"row {story.names['balance']} of ledger_balance, book {story.shop.book.pk}, assets:custody:btc-chain BTC"
    assert told in out.getvalue()
    out = StringIO()
    call_command("check_ledger", "--book", str(story.other.book.pk), "--since", "2026-03-01", stdout=out)
    assert "as far as since 2026-03-01" in out.getvalue()
    with pytest.raises(CommandError, match="no book"):
        call_command("check_ledger", "--book", "999999")


def test_what_is_hidden_is_not_called_sound(story: Story) -> None:
    with database.as_web(), pytest.raises(errors.BooksHidden):
        broken()
    with database.as_web(), pytest.raises(CommandError, match="books_hidden"):
        call_command("check_ledger")


def test_other_rooms_add_rules(shop: Shop) -> None:
    shop.received(1)
    query = "SELECT 'ledger_book', id, id, NULL::bigint, NULL::bigint, 'none', name FROM ledger_book"
    rule = Invariant(10, "no books", "There are no books.", (query,))
    checking.register(rule)
    checking.register(rule)
    assert [outcome.invariant.number for outcome in check()] == [*ALL, 10]
    (violation,) = broken()[10]
    assert (violation.table, violation.row_id, violation.found) == ("ledger_book", Book.objects.first().pk, "Alice")


def test_a_book_of_another_asset_and_rate_is_sound(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop("Zoë", "ETH", 18)
    rate = rates.record("ETH", "EUR", Decimal("3000"), "test", datetime.now(UTC))
    entry = shop.receipt(10**30)
    seen = journal.record(
        journal.Entry(
            book_id=shop.book.pk,
            idem="priced",
            legs=entry.legs,
            effective_at=entry.effective_at,
            description="",
            source="",
            rate_id=rate.pk,
        )
    )
    journal.settle(shop.of(seen))
    assert broken() == {}
