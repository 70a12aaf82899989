"""The files are read again by programs that know nothing of ours: the same figures, to the last base unit."""

import csv
import io
import itertools
import json
import subprocess
import tracemalloc
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from django.db import connection

from cryptopay.devnet import programs
from ledger import balances
from ledger.models import Book
from ledger.spreadsheet import FORMULA_STARTS
from reports.cells import Money, Row, amounts, texts
from reports.errors import ReportTooLong
from reports.formats import FORMATS, pdf, typesetting
from reports.parameters import Asked
from reports.registry import REPORTS
from reports.report import Report, Sheet
from tests.database import past_triggers
from tests.reports.story import EVIL, FORMULA, TXID, Story, tell

NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)
HUGE = 2**256 - 1
_DIRECTIONS = "\u202a\u202b\u202c\u200e\u200f\u2066\u2067\u2069"
"""Marks that pdftotext puts around what is read from the right."""
NAMES = "Zoë Łukasz Ирина Ελένη 株式会社 김치 שלום"


@pytest.fixture
def story(db: None) -> Story:
    return tell(f"Shop of {NAMES}")


def sheet_of(story: Story, name: str, **said: str) -> Sheet:
    report = REPORTS[name]
    return Sheet(report, report.read(story.book, said), "ann@shop.example", NOW)


def made(sheet: Sheet, form: str) -> bytes:
    return b"".join(FORMATS[form].pieces(sheet))


def paper(content: bytes, tmp_path: Path) -> str:
    (tmp_path / "report.pdf").write_bytes(content)
    command = [*programs.PDFTOTEXT.command(), "-layout", str(tmp_path / "report.pdf"), "-"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def endless(rows: Iterator[Row], decimals: int = 18) -> Sheet:
    """A report of these rows, in which all other things are small."""
    report = Report("endless", "Endless", "", "", [texts("Name"), amounts("Amount")], [], lambda _: rows)
    return Sheet(report, Asked(Book(name="Shop", pk=1)), "ann", NOW)


def test_xlsx_has_the_ledgers_totals(story: Story) -> None:
    workbook = openpyxl.load_workbook(io.BytesIO(made(sheet_of(story, "trial-balance"), "xlsx")))
    assert workbook.sheetnames == ["Trial balance", "About"]
    head, *lines = workbook["Trial balance"].iter_rows(values_only=True)
    assert head[4:] == ("Debit", "Debit, exact", "Credit", "Credit, exact", "Balance", "Balance, exact")
    exact = {line[0]: Decimal(str(line[9])) for line in lines}
    for row in balances.trial_balance(story.book.pk):
        assert exact[row.account.code] == Decimal(row.balance).scaleb(-8)
    assert exact["Total"] == 0
    assert all(isinstance(line[4], int | float) for line in lines)
    about = {str(line[0]): line[1] for line in workbook["About"].iter_rows(values_only=True)}
    assert (about["Book"], about["Made by"]) == (str(story.book), "ann@shop.example")
    assert (about["Made at"], about["By the end of"]) == ("2026-11-23 04:00:00 UTC", "now")


def test_xlsx_and_csv_keep_every_digit_and_run_nothing() -> None:
    rows: list[Row] = [[FORMULA, Money(HUGE, 18, "ETH")], [EVIL, Money(-HUGE, 18, "ETH")], [NAMES, None]]
    workbook = openpyxl.load_workbook(io.BytesIO(made(endless(iter(rows)), "xlsx")))
    lines = list(workbook["Endless"].iter_rows(min_row=2))
    assert [line[2].value for line in lines][:2] == [str(Money(HUGE, 18)), str(Money(-HUGE, 18))]
    assert [line[0].data_type for line in lines] == ["s"] * 3
    assert [line[0].value for line in lines] == [FORMULA, EVIL, NAMES]
    found = list(csv.reader(io.StringIO(made(endless(iter(rows)), "csv").decode(), newline="")))
    assert found[1:] == [[f"'{FORMULA}", str(Money(HUGE, 18))], [EVIL, str(Money(-HUGE, 18))], [NAMES, ""]]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_threat_41_no_cell_of_text_is_a_formula(start: str) -> None:
    text = f"{start}HYPERLINK(1)"
    found = made(endless(iter([[text, Money(-150, 2)]])), "csv").decode()
    assert list(csv.reader(io.StringIO(found, newline="")))[1] == [f"'{text}", "-1.50"]


def test_threat_41_no_report_has_a_formula_in_its_csv(story: Story) -> None:
    """Names and descriptions are formulas, in the books of every report there is."""
    with past_triggers(), connection.cursor() as sql:
        sql.execute("UPDATE ledger_account SET name = %s", [FORMULA])
        sql.execute("UPDATE ledger_journalentry SET description = %s", [FORMULA])
    known, disarmed = {"account": f"{story.custody.code} BTC", "customer": "ann"}, set()
    for name, report in REPORTS.items():
        said = {parameter.name: known[parameter.name] for parameter in report.parameters if parameter.required}
        for line in csv.reader(io.StringIO(made(sheet_of(story, name, **said), "csv").decode(), newline="")):
            for cell in line:
                assert not cell.startswith(FORMULA_STARTS) or Decimal(cell).is_finite(), f"{name}: {cell}"
                disarmed |= {name} if cell == f"'{FORMULA}" else set()
    assert {"trial-balance", "journal", "general-ledger", "account-statement"} <= disarmed, disarmed


def test_pdf_has_the_ledgers_totals_and_says_whose_it_is(story: Story, tmp_path: Path) -> None:
    text = paper(made(sheet_of(story, "trial-balance", until="2026-11-22"), "pdf"), tmp_path)
    for row in balances.trial_balance(story.book.pk):
        line = next(line for line in text.splitlines() if line.strip().startswith(row.account.code))
        assert line.split()[-3:] == [str(Money(units, 8)) for units in (row.debit, row.credit, row.balance)]
    for word in ("Trial balance", *NAMES.split()[:4], "2026-11-22", "Printed by ann@shop.example", "Page 1 of 1"):
        assert word in text


def test_pdf_repeats_its_head_and_counts_its_pages(tmp_path: Path) -> None:
    rows: list[Row] = [[f"Line {number} of {EVIL}", Money(number, 2, "EUR")] for number in range(500)]
    text = paper(made(endless(iter([*rows, [NAMES, Money(HUGE, 18, "ETH")]])), "pdf"), tmp_path)
    pages = text.split("\f")[:-1]
    assert len(pages) > 5
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page
        assert page.count("Endless") == 1
        assert "Name" in page
    assert all(f"Line {number} of" in text for number in range(500))
    assert "<script>" in text
    digits = "".join(text.partition("Zoë")[2].split())
    assert all(part in digits for part in (str(Money(HUGE, 18))[:20], str(Money(HUGE, 18))[-12:]))


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("شركة النور 2026", "ﺷﺮﻛﺔ ﺍﻟﻨﻮﺭ"),
        ("חברת אור 2026", "חברת אור"),
        ("Shop שלום 12 GmbH", "שלום"),
    ],
)
def test_pdf_sets_arabic_and_hebrew_as_they_are_read(tmp_path: Path, text: str, joined: str) -> None:
    """From the right, letters joined; whoever copies the text finds the words again, and numbers as they are."""
    content = made(endless(iter([[text, Money(1, 2)]])), "pdf")
    told = unicodedata.normalize("NFKC", "".join(mark for mark in paper(content, tmp_path) if mark not in _DIRECTIONS))
    assert all(word in told for word in text.split()), told
    (line,) = typesetting.wrapped(text, 400, 8, bold=False)
    drawn = "".join(part for _, part in line.runs)
    assert joined[::-1] in drawn
    words = text.split()
    assert (drawn.index(words[-1]) < drawn.index(joined[-1])) == (words[-1] == "2026"), "a line begins at the right"


def test_pdf_breaks_a_long_line_where_it_is_read_first(tmp_path: Path) -> None:
    text = "שלום עולם " * 20
    lines = typesetting.wrapped(text.strip(), 100, 8, bold=False)
    assert len(lines) > 5
    assert all(0 < line.width <= 100 for line in lines)
    drawn = ["".join(part for _, part in line.runs)[::-1] for line in lines]
    assert " ".join(drawn).split() == text.split()


def test_pdf_of_a_customers_statement_keeps_long_words_whole(story: Story, tmp_path: Path) -> None:
    said = {"customer": "ann", "from": "2026-11-20", "to": "2026-11-22"}
    text = paper(made(sheet_of(story, "customer-statement", **said), "pdf"), tmp_path)
    assert sum(len(word) for word in text.split() if not word.strip("ab")) >= len(TXID)


def test_pdf_refuses_what_nobody_reads_on_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "MOST_ROWS", 400)
    with pytest.raises(ReportTooLong):
        made(endless([f"Line {number}", Money(number, 2)] for number in itertools.count()), "pdf")


@pytest.mark.parametrize("form", ["csv", "json"])
def test_what_streams_is_read_as_it_is_sent(form: str) -> None:
    """Without an end: who read all rows first would never send a piece."""
    rows = ([f"Line {number}", Money(number, 2)] for number in itertools.count())
    pieces = FORMATS[form].pieces(endless(rows))
    sent = b"".join(itertools.islice(pieces, 3))
    assert b"Line 500" in sent
    assert int(str(next(rows)[0]).split()[1]) < 1_000


@pytest.mark.parametrize("form", ["csv", "json", "xlsx"])
def test_memory_does_not_grow_with_the_rows(form: str) -> None:
    def peak(number: int) -> int:
        rows = ([f"Line {line} {'x' * 100}", Money(line, 18, "ETH")] for line in range(number))
        tracemalloc.start()
        for _ in FORMATS[form].pieces(endless(rows)):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(100)  # what is loaded once
    assert peak(6_000) < peak(2_000) + 300_000


def test_xlsx_goes_on_on_another_sheet(monkeypatch: pytest.MonkeyPatch) -> None:
    from reports.formats import xlsx

    monkeypatch.setattr(xlsx, "_MOST_ROWS", 11)
    rows: Iterator[Row] = ([f"Line {number}", Money(number, 2)] for number in range(25))
    workbook = openpyxl.load_workbook(io.BytesIO(made(endless(rows), "xlsx")))
    assert workbook.sheetnames == ["Endless", "Endless 2", "Endless 3", "About"]
    found = [line[0] for name in workbook.sheetnames[:3] for line in list(workbook[name].values)[1:]]
    assert found == [f"Line {number}" for number in range(25)]


def test_json_keeps_totals_apart(story: Story) -> None:
    told = json.loads(made(sheet_of(story, "trial-balance"), "json"))
    assert [row["asset"] for row in told["totals"]] == ["BTC"]
    assert told["totals"][0]["balance"] == {"amount": "0.00000000", "base_units": "0", "asset": "BTC"}
    assert len(told["data"]) == len(balances.trial_balance(story.book.pk))


def test_a_report_of_nothing_says_so(story: Story, tmp_path: Path) -> None:
    empty = replace(sheet_of(story, "trial-balance"), asked=Asked(Book.objects.create(name="Empty")))
    assert "There is nothing to report" in paper(made(empty, "pdf"), tmp_path)
    assert json.loads(made(empty, "json"))["data"] == []
    assert made(empty, "csv").decode().splitlines() == ["Account,Name,Asset,Chain,Debit,Credit,Balance"]
    assert openpyxl.load_workbook(io.BytesIO(made(empty, "xlsx"))).sheetnames == ["Trial balance", "About"]
