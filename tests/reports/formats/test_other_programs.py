"""What other accounting programs read: the same totals as the ledger's, by readers that know nothing of ours."""

import csv
import io
import zipfile
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby

import pytest
from django.db import connection
from ofxtools.Parser import OFXTree

from ledger import journal, lots
from reports.errors import EntriesUnpriced, EntryTooLong, FormatUnavailable
from reports.formats import FORMATS, form_of, journals
from reports.registry import REPORTS
from reports.report import Sheet
from tests.reports.story import EVIL, FIRST, FORMULA, SECOND, Story, resolution, tell

PERIOD = {"from": "2026-11-20", "to": "2026-11-22"}
NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)


@pytest.fixture
def story(db: None) -> Story:
    found = tell()
    lots.derive(found.book)
    return found


def made(story: Story, name: str, form: str, **said: str) -> bytes:
    report = REPORTS[name]
    sheet = Sheet(report, report.read(story.book, {**PERIOD, **said}), "ann", NOW)
    return b"".join(FORMATS[form].pieces(sheet))


def files(content: bytes) -> dict[str, list[dict[str, str]]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    return {name: list(csv.DictReader(io.StringIO(text, newline=""))) for name, text in texts.items()}


def worth_of(story: Story, code: str) -> Decimal:
    """Of an account by the end of the period, summed by the database."""
    with connection.cursor() as sql:
        sql.execute(
            "SELECT sum(v.value) FROM ledger_value v JOIN ledger_account a ON a.id = v.account_id"
            " WHERE a.book_id = %s AND a.code = %s",
            [story.book.pk, code],
        )
        return Decimal(sql.fetchone()[0]).scaleb(-2)


def test_quickbooks_balances_entry_by_entry_and_in_sum(story: Story) -> None:
    found = files(made(story, "accounting-journal", "quickbooks"))
    lines = found["journal-001.csv"]
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for _, legs in groupby(lines, key=lambda line: line["Journal No"]):
        moved = [(leg, Decimal(leg["Debits"] or 0) - Decimal(leg["Credits"] or 0)) for leg in legs]
        assert sum(amount for _, amount in moved) == 0
        for leg, amount in moved:
            sums[leg["Account Name"]] += amount
    assert sums["Assets:Custody:Bitcoin-regtest BTC"] == worth_of(story, story.custody.code) == Decimal("345.12")
    assert sums["Income:Sales BTC"] == worth_of(story, "income:sales")
    assert sums["Liabilities:Customers BTC"] == worth_of(story, story.customer.code)
    assert lines[0]["Journal Date"] == "11/20/2026"
    assert set(sums) == {line["*Name"] for line in found["accounts.csv"]}


def test_xero_balances_by_narration_and_date(story: Story) -> None:
    found = files(made(story, "accounting-journal", "xero"))
    codes = {line["*Code"]: line for line in found["accounts.csv"]}
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for _, legs in groupby(found["journal-001.csv"], key=lambda line: (line["*Narration"], line["*Date"])):
        amounts = [(leg["*AccountCode"], Decimal(leg["*Amount"])) for leg in legs]
        assert sum(amount for _, amount in amounts) == 0
        for code, amount in amounts:
            sums[codes[code]["*Name"]] += amount
    assert sums["Assets:Custody:Bitcoin-regtest BTC"] == worth_of(story, story.custody.code)
    assert all(len(code) <= 10 for code in codes)
    types = {line["*Name"].partition(":")[0]: line["*Type"] for line in codes.values()}
    assert (types["Assets"], types["Income"], types["Expense"]) == ("Current Asset", "Revenue", "Expense")


def test_no_entry_is_parted_between_files(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = files(made(story, "accounting-journal", "xero"))["journal-001.csv"]
    monkeypatch.setattr(journals, "XERO_LINES", 5)
    parts = files(made(story, "accounting-journal", "xero"))
    journal_files = [parts[name] for name in sorted(parts) if name.startswith("journal-")]
    assert [line for part in journal_files for line in part] == whole
    assert max(map(len, journal_files)) <= 5
    owners = [{line["*Narration"] for line in part} for part in journal_files]
    assert sum(map(len, owners)) == len(set().union(*owners))
    monkeypatch.setattr(journals, "XERO_LINES", 1)
    with pytest.raises(EntryTooLong):
        made(story, "accounting-journal", "xero")


def test_ofx_is_read_by_ofxtools(story: Story) -> None:
    code = f"{story.custody.code} BTC"
    parser = OFXTree()
    parser.parse(io.BytesIO(made(story, "account-statement", "ofx", account=code)))
    (statement,) = parser.convert().statements
    assert statement.curdef == "EUR"
    assert [line.trnamt for line in statement.transactions] == [Decimal("357.02"), Decimal("-11.90")]
    assert statement.ledgerbal.balamt == worth_of(story, story.custody.code) == Decimal("345.12")
    assert statement.transactions[0].memo.startswith("3.00000000 BTC: ")
    assert len({line.fitid for line in statement.transactions}) == 2
    assert statement.transactions[0].dtposted == FIRST


def test_ofx_of_what_is_owed_rises_with_credits(story: Story) -> None:
    parser = OFXTree()
    parser.parse(io.BytesIO(made(story, "account-statement", "ofx", account=story.customer.code)))
    (statement,) = parser.convert().statements
    assert statement.ledgerbal.balamt == -worth_of(story, story.customer.code) > 0
    assert sum(line.trnamt for line in statement.transactions) == statement.ledgerbal.balamt


def test_script_and_formulas_are_text(story: Story) -> None:
    evil = journal.settle(resolution(story, EVIL, story.waiting, SECOND, rate_id=story.rate.pk, description=EVIL))
    formula = journal.reverse(resolution(story, "again", evil, SECOND, description=FORMULA))
    lots.derive(story.book)
    parser = OFXTree()
    parser.parse(io.BytesIO(made(story, "account-statement", "ofx", account=story.custody.code)))
    (statement,) = parser.convert().statements
    assert EVIL[:32] in [line.name for line in statement.transactions]
    for form, name in (("quickbooks", "Journal No"), ("xero", "*Narration")):
        lines = files(made(story, "accounting-journal", form))["journal-001.csv"]
        told = {line["Description"] for line in lines if line[name].split()[-1] == str(formula)}
        assert told == {f"'{FORMULA}"}


def test_what_has_no_price_is_in_no_file(story: Story) -> None:
    journal.settle(resolution(story, "unpriced", story.waiting, SECOND))
    for name, form in (("accounting-journal", "xero"), ("account-statement", "ofx")):
        with pytest.raises(EntriesUnpriced):
            made(story, name, form, **({"account": story.custody.code} if form == "ofx" else {}))


def test_the_reversal_of_what_has_no_price_is_not_left_out(story: Story) -> None:
    """Its own period has no entry without a rate, and both would be missing."""
    settled = journal.settle(resolution(story, "unpriced", story.waiting, SECOND))
    later = SECOND + timedelta(days=1)
    journal.reverse(resolution(story, "again", settled, later))
    day = later.date().isoformat()
    with pytest.raises(EntriesUnpriced):
        made(story, "accounting-journal", "xero", **{"from": day, "to": day})


def test_a_form_is_of_its_report_alone() -> None:
    assert form_of(REPORTS["account-statement"], "ofx") is FORMATS["ofx"]
    for name, form in (("trial-balance", "ofx"), ("journal", "xero"), ("journal", "html")):
        with pytest.raises(FormatUnavailable):
            form_of(REPORTS[name], form)
