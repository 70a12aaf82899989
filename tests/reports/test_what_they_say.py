"""Each report of a small story says what happened, and the same as the ledger."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from ledger import balances, journal, lots, pricing
from ledger.models import JournalEntry, Posting
from monitor.models import Cursor, Deposit, WatchedAddress
from reports import waiting
from reports.cells import Money, Name, Total
from reports.errors import EntriesUnpriced, ReportError
from reports.registry import REPORTS
from tests.reports.story import COIN, EVIL, FIRST, FORMULA, SECOND, TXID, Story, resolution, tell

PERIOD = {"from": "2026-11-20", "to": "2026-11-22"}
GAINS = ("realised-gains", "unrealised-gains")


@pytest.fixture
def story(db: None) -> Story:
    return tell()


def rows(story: Story, name: str, **said: str) -> list[Any]:
    report = REPORTS[name]
    found = list(report.rows(report.read(story.book, said)))
    assert {len(row) for row in found} <= {len(report.columns)}
    return found


def plain(row: Any) -> list[str]:
    return ["" if cell is None else str(cell) for cell in row]


def test_the_general_ledger_goes_from_opening_to_closing_balances(story: Story) -> None:
    found = rows(story, "general-ledger", **PERIOD)
    of_account = [row for row in found if row[0] == story.customer.code]
    assert [str(row[7]) for row in of_account] == [
        *("0.00000000", "3.00000000", "2.00000000", "1.00000000", "2.00000000", "2.00000000")
    ]
    closings = {str(row[0]): row[7].base_units for row in found if isinstance(row, Total) and "Closing" in row[4]}
    for line in balances.trial_balance(story.book.pk):
        if line.debit or line.credit:
            assert closings.pop(line.account.code) == balances.balance(line.account).posted
    assert closings == {}
    listed = [row for row in found if not isinstance(row, Total)]
    assert len(listed) == Posting.objects.filter(book=story.book, layer=Posting.Layer.POSTED).count()


def test_the_general_ledger_of_a_later_period_begins_with_what_was_there(story: Story) -> None:
    found = rows(story, "general-ledger", **{"from": "2026-11-21", "to": "2026-11-21"})
    assert [plain(row)[5:] for row in found if row[0] == story.custody.code] == [
        ["", "", "3.00000000"],
        ["", "0.10000000", "2.90000000"],
        ["0.00000000", "0.10000000", "2.90000000"],
    ]
    one = rows(story, "general-ledger", account=f"{story.fees.code} BTC", **PERIOD)
    assert {str(row[0]) for row in one} == {story.fees.code}


def test_statements_of_an_account_and_of_a_customer(story: Story) -> None:
    account = rows(story, "account-statement", account=story.customer.code, **PERIOD)
    customer = rows(story, "customer-statement", customer="ann", **PERIOD)
    assert [list(row[2:]) for row in customer] == [list(row) for row in account]
    assert [plain(row)[5:] for row in account[1:3]] == [
        ["", "3.00000000", "3.00000000"],
        ["1.00000000", "", "2.00000000"],
    ]
    assert plain(account[-1])[5:] == ["2.00000000", "4.00000000", "2.00000000"]
    assert str(account[2][3]) == FORMULA
    assert account[2][3].place.key == "inv_1"


def test_the_journal_tells_what_is_not_validated_and_why(story: Story) -> None:
    found = rows(story, "journal", **PERIOD)
    states = {(str(row[3]), str(row[2])) for row in found}
    assert ("settle", "Validated") in states
    assert ("sale:1:reverse", "Taken back") in states
    assert (EVIL, "Not yet received: Waits for your program to settle it") in states
    assert not [row for row in found if row[3] == "seen"]
    assert len(rows(story, "journal", state="waiting", **PERIOD)) == 2
    validated = rows(story, "journal", state="validated", **PERIOD)
    assert len(validated) == len(found) - 2
    debits, credits_ = (sum(row[side].base_units for row in validated if row[side]) for side in (5, 6))
    assert debits == credits_ > 0


def test_aged_unconfirmed_says_how_old_and_why(story: Story) -> None:
    (waiting, total) = rows(story, "aged-unconfirmed")
    assert (waiting[2], str(waiting[5])) == (str(story.waiting), "0.50000000")
    assert isinstance(total, Total)
    assert total[5] == waiting[5]
    assert rows(story, "aged-unconfirmed", until="2026-11-19") == []
    (that_day, _) = rows(story, "aged-unconfirmed", until="2026-11-21")
    assert that_day[0] == "1 days" or that_day[0].endswith("h")


def test_why_it_waits_is_what_the_chain_says(story: Story) -> None:
    entry = story.book.entries.get(pk=story.waiting)

    address = WatchedAddress.objects.create(
        book=story.book, chain_code="bitcoin-regtest", address="bcrt1q", destination=b"bcrt1q"
    )
    deposit = Deposit.objects.create(
        book=story.book,
        chain_code="bitcoin-regtest",
        watched=address,
        txid=TXID,
        key=f"{TXID}:0",
        base_units=COIN // 2,
        required_confirmations=6,
    )
    meta = {"chain": "bitcoin-regtest", "key": deposit.key}
    Cursor.objects.update_or_create(chain_code="bitcoin-regtest", defaults={"height": 101})

    def why() -> str:
        return waiting.reason(waiting.reasons(entry.book, [meta]), meta)

    assert why() == "In no block yet"
    Deposit.objects.filter(pk=deposit.pk).update(block_height=100, block_hash="00")
    assert why() == "2 of 6 confirmations"
    Deposit.objects.filter(pk=deposit.pk).update(held_because="a second node disagrees", held_since=FIRST)
    assert why() == "Held: a second node disagrees"


def test_the_settlement_summary_counts_refunds_below_zero(story: Story) -> None:
    found = rows(story, "settlement-summary", **PERIOD)
    assert [plain(row) for row in found] == [
        *(
            ["2026-11-22", "Taken back", "1", "BTC", *_coins("-1", "0", "-1"), "-119.01", "-19.00", "EUR"],
            ["2026-11-21", "Sales", "1", "BTC", *_coins("1", "0", "1"), "119.01", "", ""],
            ["2026-11-21", "Fees", "1", "BTC", *_coins("0", "0.1", "-0.1"), "-11.90", "", ""],
            ["2026-11-20", "Sales", "1", "BTC", *_coins("1", "0", "1"), "119.01", "19.00", "EUR"],
            ["", "Total", "4", "BTC", *_coins("1", "0.1", "0.9"), "", "", ""],
        )
    ]


def _coins(*figures: str) -> list[str]:
    return [
        f"{figure}{'' if '.' in figure else '.'}".ljust(len(figure.partition(".")[0]) + 9, "0") for figure in figures
    ]


def test_tax_lines_come_to_nothing_where_the_sale_was_taken_back(story: Story) -> None:
    of_days = rows(story, "tax-lines", by="day", **PERIOD)
    assert [plain(row) for row in of_days] == [
        ["2026-11-20", "Sales", "19 %", "1", "100.00", "19.00", "119.00", "EUR"],
        ["2026-11-22", "Taken back", "19 %", "-1", "-100.00", "-19.00", "-119.00", "EUR"],
        ["", "Total", "19 %", "0", "0.00", "0.00", "0.00", "EUR"],
    ]
    assert [row[0] for row in rows(story, "tax-lines", **PERIOD)][:2] == [date(2026, 11, 1)] * 2
    assert len(rows(story, "tax-lines", **{"from": "2026-11-20", "to": "2026-11-20"})) == 2


def test_the_balance_sheet_balances_and_its_result_is_the_income_statements(story: Story) -> None:
    lots.derive(story.book)
    sheet = rows(story, "balance-sheet", until="2026-11-22")
    totals = {str(row[0]): str(row[4]) for row in sheet if isinstance(row, Total)}
    assert totals["Total assets"] == totals["Total liabilities and equity"] == "345.12"
    owed, left = Decimal(totals["Total liabilities"]), Decimal(totals["Total equity"])
    assert owed + left == Decimal("345.12")
    income = rows(story, "income-statement", **PERIOD)
    summed = {str(row[0]): Decimal(str(row[4])) for row in income if isinstance(row, Total)}
    assert summed["Total expenses"] == Decimal("11.90")
    assert summed["Result"] == summed["Total income"] - summed["Total expenses"] == left
    first = rows(story, "income-statement", **{"from": "2026-11-20", "to": "2026-11-21"})
    later = rows(story, "income-statement", **{"from": "2026-11-22", "to": "2026-11-22"})
    assert sum(Decimal(str(found[-1][4])) for found in (first, later)) == left > 100


def test_what_waits_for_a_price_is_in_no_balance_sheet(story: Story) -> None:
    journal.settle(resolution(story, "settle:open", story.waiting, SECOND))
    lots.derive(story.book)
    for name in ("balance-sheet", "income-statement", "carf", *GAINS):
        with pytest.raises(EntriesUnpriced):
            rows(story, name)


def test_what_is_priced_and_not_counted_yet_is_left_out_of_no_total(story: Story) -> None:
    """A coin without its cost would be missing in a sheet that balances all the same."""
    settled = journal.settle(resolution(story, "settle:open", story.waiting, SECOND))
    lots.derive(story.book)
    entry = JournalEntry.objects.get(pk=settled)
    (asset,) = pricing.assets_of(entry)
    pricing.price(entry, asset, Decimal(100), reason="The receipt", by="ann")
    for name in ("balance-sheet", "income-statement", *GAINS):
        with pytest.raises(EntriesUnpriced, match="counted within a minute"):
            rows(story, name)
    lots.derive(story.book)
    sheet = rows(story, "balance-sheet")
    assert asset.code in {row[3] for row in sheet if row[0] == "Assets"}
    assert rows(story, "unrealised-gains")
    assert rows(story, "realised-gains")


def test_carf_totals_are_of_users_assets_and_categories(story: Story) -> None:
    lots.derive(story.book)
    assert [plain(row)[:1] + plain(row)[3:] for row in rows(story, "carf", year="2026")] == [
        ["ann", "(g) Transfers to the user", "1", "3.00000000", "357.02", "EUR"],
        ["ann", "(h) Transfers by the user", "1", "1.00000000", "119.01", "EUR"],
        ["Total", "(g) Transfers to the user", "1", "", "357.02", "EUR"],
        ["Total", "(h) Transfers by the user", "1", "", "119.01", "EUR"],
    ]
    retail = rows(story, "carf", year="2026", threshold="119")
    assert [str(row[3]) for row in retail if isinstance(row, Total)] == [
        *("(f) Reportable retail payments", "(g) Transfers to the user")
    ]
    assert rows(story, "carf", year="2025") == []


@pytest.mark.parametrize(
    ("name", "said", "code", "pointer"),
    [
        ("account-statement", {}, "parameter_missing", "?account"),
        ("account-statement", {"account": "assets:nowhere"}, "account_unknown", "?account"),
        ("account-statement", {"account": "\0"}, "account_unknown", "?account"),
        ("customer-statement", {"customer": "bob"}, "customer_unknown", "?customer"),
        ("general-ledger", {"from": "2026-11-22", "to": "2026-11-21"}, "period_invalid", "?to"),
        ("general-ledger", {"from": "yesterday"}, "day_invalid", "?from"),
        ("journal", {"state": "lost"}, "choice_invalid", "?state"),
        ("carf", {"year": "26"}, "year_invalid", "?year"),
        ("carf", {"threshold": "-1"}, "threshold_invalid", "?threshold"),
        ("trial-balance", {"asset": "BTC"}, "unknown_parameter", "?asset"),
    ],
)
def test_what_cannot_be_asked(story: Story, name: str, said: dict[str, str], code: str, pointer: str) -> None:
    with pytest.raises(ReportError) as refused:
        REPORTS[name].read(story.book, said)
    assert (refused.value.code, refused.value.pointer) == (code, pointer)  # type: ignore[attr-defined]


def test_threat_39_another_book_is_in_no_report(story: Story) -> None:
    other = tell("Other")
    for name, report in REPORTS.items():
        needed = {"account": f"{story.customer.code} BTC", "customer": "ann"}
        said = {one.name: needed[one.name] for one in report.parameters if one.required}
        mine = [plain(row) for row in rows(story, name, **said)]
        theirs = [plain(row) for row in rows(other, name, **said)]
        assert len(mine) == len(theirs), name
        entries = {str(entry.pk) for entry in other.book.entries.all()}
        assert not entries & {cell for row in mine for cell in row}, name


def test_cells_lead_to_what_they_name(story: Story) -> None:
    found = rows(story, "journal", **PERIOD)
    places = {cell.place.kind for row in found for cell in row if isinstance(cell, Name)}
    assert places == {"entry", "account", "invoice", "transaction"}
    assert all(isinstance(row[0], datetime) for row in found)
    assert all(cell.asset == "BTC" for row in found for cell in row if isinstance(cell, Money))
