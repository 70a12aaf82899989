"""Reports equal the balances, whatever form they come in."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from ledger import chart, journal, manual
from ledger.journal import Entry, Leg, Resolution
from ledger.models import Account, Balance, Book, JournalEntry
from reports import receipts, trial_balance
from reports.cells import Money, Name, Total
from reports.parameters import ACCOUNT, UNTIL, Asked, account_text, read

DAY = datetime(2026, 11, 20, 12, tzinfo=UTC)
NEXT_DAY = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def book(db: None) -> Book:
    """Three coins seen on one day: one validated the day after, one validated and taken back, one still waiting."""
    made = Book.objects.create(name="Shop")
    for code, chain, decimals, base_units in (("BTC", "bitcoin", 8, 700), ("ETH", "ethereum", 18, 10**30 + 1)):
        asset = chart.asset(code, chain, decimals)
        legs = [
            Leg(chart.custody(made.pk, asset), debit=base_units),
            Leg(chart.customer(made.pk, "=cmd", asset), credit=base_units),
        ]
        for name in ("validated", "reversed", "waiting"):
            seen = journal.record(_entry(made, f"{code}:{name}", legs))
            if name != "waiting":
                settled = journal.settle(_resolution(made, f"{code}:{name}:settle", seen))
            if name == "reversed":
                journal.reverse(_resolution(made, f"{code}:{name}:reverse", settled))
    return made


def _entry(book: Book, idem: str, legs: list[Leg]) -> Entry:
    return Entry(book_id=book.pk, idem=idem, legs=legs, effective_at=DAY, description=idem, source="test")


def _resolution(book: Book, idem: str, entry_id: int) -> Resolution:
    return Resolution(
        book_id=book.pk, entry=entry_id, idem=idem, effective_at=NEXT_DAY, description=idem, source="test"
    )


def test_the_trial_balance_is_balanced_and_equals_the_balances(book: Book) -> None:
    rows = list(trial_balance.rows(Asked(book)))
    balances = {
        (row.account.code, row.account.asset.code): row.posted if row.account.kind == "A" else -row.posted
        for row in Balance.objects.select_related("account__asset")
    }
    listed = [row for row in rows if not isinstance(row, Total)]
    for account, _, asset, _, debit, credit, balance in listed:
        assert isinstance(debit, Money)
        assert isinstance(credit, Money)
        assert isinstance(balance, Money)
        assert balance.base_units == debit.base_units - credit.base_units == balances[str(account), str(asset)]
        assert balance.asset == asset
    assert len(listed) == len(balances) == 4
    totals = [row for row in rows if isinstance(row, Total)]
    assert [row[2] for row in totals] == ["BTC", "ETH"]
    for _, _, asset, _, debit, credit, balance in totals:
        assert isinstance(debit, Money)
        of_asset = [row[4] for row in listed if row[2] == asset]
        assert debit.base_units == sum(cell.base_units for cell in of_asset if isinstance(cell, Money)) > 0
        assert debit == credit
        assert isinstance(balance, Money)
        assert balance.base_units == 0


def test_the_trial_balance_of_a_past_day_is_that_days(book: Book) -> None:
    rows = list(trial_balance.rows(read([UNTIL], book, {"until": f"{DAY.date()}"})))
    assert {str(cell) for row in rows for cell in row if isinstance(cell, Money)} == {"0.00000000", f"0.{'0' * 18}"}
    later = read([UNTIL], book, {"until": f"{NEXT_DAY.date()}"})
    assert list(trial_balance.rows(later)) == list(trial_balance.rows(Asked(book)))
    codes = {str(row[0]): row[0] for row in rows}
    for account in Account.objects.filter(asset__code="ETH"):
        code = codes[account.code]
        assert isinstance(code, Name)
        assert code.place.kind == "account"


def test_receipts_equal_the_custody_balances(book: Book) -> None:
    totals = receipts.totals_by_day(Book.objects.all())
    assert {key[0] for key in totals} == {date(2026, 11, 20), date(2026, 11, 21)}
    for balance in Balance.objects.filter(account__code__startswith="assets:custody:"):
        of_asset = [figures for key, figures in totals.items() if key[2] == balance.account.asset_id]
        assert sum(validated for validated, _ in of_asset) == balance.posted
        assert sum(pending for _, pending in of_asset) == balance.pending_in


def test_what_people_book_is_no_receipt_and_a_receipt_they_take_back_is_none(book: Book) -> None:
    btc = chart.asset("BTC", "bitcoin", 8)
    chart.open_template(book.pk, "shop", [btc])
    before = receipts.totals_by_day(Book.objects.all())
    swept = [
        Leg(chart.find(book.pk, "assets:in transit", btc), debit=300),
        Leg(chart.custody(book.pk, btc), credit=300),
    ]
    sweep = journal.post(replace(_entry(book, "swept", swept), source=manual.SOURCE))
    assert receipts.totals_by_day(Book.objects.all()) == before
    journal.reverse(replace(_resolution(book, "swept back", sweep), source=manual.SOURCE))
    assert receipts.totals_by_day(Book.objects.all()) == before
    received = JournalEntry.objects.get(book=book, idem="BTC:validated:settle")
    journal.reverse(replace(_resolution(book, "no receipt", received.pk), source=manual.SOURCE))
    after = receipts.totals_by_day(Book.objects.all())
    assert {key: before[key][0] - after.get(key, (0, 0))[0] for key in before if before[key] != after.get(key)} == {
        (NEXT_DAY.date(), book.pk, btc.pk): 700
    }


def test_receipts_are_of_the_asked_days_and_books(book: Book) -> None:
    assert {key[0] for key in receipts.totals_by_day(Book.objects.all(), since=date(2026, 11, 21))} == {
        date(2026, 11, 21)
    }
    asked = read([UNTIL], book, {"until": "2026-11-20"})
    assert {row[0] for row in receipts.rows(asked)} == {date(2026, 11, 20)}
    assert receipts.totals_by_day(Book.objects.none()) == {}


def test_an_account_is_read_as_it_is_offered_beside_a_token_of_the_same_code(book: Book) -> None:
    for asset in (chart.asset("EUR", "", 2, "EUR"), chart.asset("EUR", "ethereum", 6, "0x1")):
        account = chart.open_account(book.pk, "assets:vault", "Vault", asset, Account.Kind.ASSET)
        assert ACCOUNT.read(account_text(account), book) == account
