"""Files of entries and rates: seen row by row before anything is written, then all of it or nothing, and once."""

import re
from base64 import b64encode
from datetime import date, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from cryptopay.monthend import columns, entry_files
from cryptopay.monthend.entry_files import COLUMNS
from ledger import balances, chart, manual, rate_files, rates
from ledger.currencies import money_of
from ledger.models import JournalEntry, Proposal, Rate
from tests.closing import change

from .conftest import Desk

pytestmark = pytest.mark.django_db

HEAD = ",".join(COLUMNS)
GOOD = (
    "2026-03-01,a-1,Fee,Invoice 7,expense:network fees,BTC,0.00000500,\n"
    "2026-03-01,a-1,Fee,Invoice 7,assets:custody:bitcoin-regtest,BTC,,0.00000500\n"
)
PAGE = "admin:import"


def read(desk: Desk, text: str) -> tuple[list[entry_files.Drafted], list[str]]:
    """Entries, and the codes of what is wrong."""
    found = columns.table(text.encode())
    entries, wrong = entry_files.read(desk.book, found.named(columns.guessed(found.names, COLUMNS, {})))
    return entries, [f"{error.number} {error.code}" for error in wrong]


def test_a_file_is_rehearsed_without_a_trace_and_written_once(desk: Desk) -> None:
    desk.book.second_person_above = 0
    desk.book.save()
    before = JournalEntry.objects.count()
    entries, wrong = read(desk, f"{HEAD}\n{GOOD}")
    assert wrong == []
    content = GOOD.encode()
    done, refused = entry_files.rehearse(desk.book, entries, file=content, by="Ann")
    assert (done.written, done.proposed, refused) == (0, 1, [])
    assert JournalEntry.objects.count() == before
    assert not Proposal.objects.exists()
    for expected in ((0, 1, 0), (0, 0, 1)):
        done = entry_files.write(desk.book, entries, file=content, by="Ann")
        assert (done.written, done.proposed, done.known) == expected
    assert Proposal.objects.count() == 1


WRONG = [
    (GOOD.replace("0.00000500,\n", "0.00000400,\n"), "2 entry_unbalanced"),
    (GOOD.replace("expense:network fees", "expense:nowhere"), "2 account_unknown"),
    (GOOD.replace("Fee", "=HYPERLINK(1)"), "2 text_is_formula"),
    (GOOD.replace("Fee", "<script>alert(1)</script>"), "2 text_has_markup"),
    (GOOD.replace("Fee", "x" * 301), "2 text_too_long"),
    (GOOD.replace("Invoice 7", ""), "2 reason_missing"),
    (GOOD.replace("2026-03-01", "1.3.2026"), "2 date_invalid"),
    (GOOD.replace("2026-03-01", (timezone.now() + timedelta(days=2)).date().isoformat()), "2 date_in_future"),
    (GOOD.replace("2026-03-01", "2025-12-31"), "2 period_closed"),
    (GOOD.replace("0.00000500,\n", "1e5,\n"), "2 amount_malformed"),
    (GOOD.replace("0.00000500,\n", "0.000000001,\n"), "2 amount_too_precise"),
    (GOOD.replace("0.00000500,\n", "0.000005000,\n"), "2 amount_too_precise"),
    (GOOD.replace("0.00000500,\n", f"{10**80},\n"), "2 amount_out_of_range"),
    (GOOD.replace("0.00000500,\n", "0.00000500,1\n"), "2 leg_invalid"),
    (GOOD + GOOD, "4 row_repeated"),
    (GOOD.replace("Fee", "Free", 1), "3 entry_differs"),
]


@pytest.mark.parametrize(("rows", "code"), WRONG)
def test_every_wrong_row_is_named_with_its_code(desk: Desk, rows: str, code: str) -> None:
    change(desk.book.pk, date(2026, 1, 31))
    _, wrong = read(desk, f"{HEAD}\n{rows}")
    assert code in wrong, wrong


def test_all_or_nothing(desk: Desk) -> None:
    """The second entry would take a customer below zero."""
    chart.customer(desk.book.pk, "ann", desk.coin)
    spent = (
        "2026-03-01,a-2,Back,Asked,liabilities:customers:ann,BTC,0.00000001,\n"
        "2026-03-01,a-2,Back,Asked,assets:custody:bitcoin-regtest,BTC,,0.00000001\n"
    )
    desk.book.second_person_above = 10**9
    desk.book.save()
    rates.record("BTC", "EUR", Decimal(60_000), "test", timezone.now(), desk.book.pk)
    entries, wrong = read(desk, f"{HEAD}\n{GOOD}{spent}")
    assert wrong == []
    _, refused = entry_files.rehearse(desk.book, entries, file=b"x", by="Ann")
    assert [(error.number, error.code) for error in refused] == [(4, "balance_below_floor")]
    before = JournalEntry.objects.count()
    with pytest.raises(Exception, match="row 4"):
        entry_files.write(desk.book, entries, file=b"x", by="Ann")
    assert JournalEntry.objects.count() == before


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"a,a\n1,2", b"a,b\n1", b"a\n" + b"x" * columns.LARGEST_BYTES, b'a,b\n"1']
)
def test_what_is_no_table_is_refused_whole(desk: Desk, content: bytes) -> None:
    with pytest.raises(columns.FileUnreadable):
        columns.table(content)


def _sent(text: str) -> SimpleUploadedFile:
    return SimpleUploadedFile("bank.csv", text.encode(), "text/csv")


def test_on_the_page_columns_are_matched_looked_at_written_and_remembered(desk: Desk) -> None:
    client, reverse_ = Client(), reverse(PAGE)
    client.force_login(desk.members["accountant"])
    theirs = "Datum;Nr;Text;Konto;Soll;Haben\n2026-03-01;x-1;<b>Fee;expense:network fees;0.00000500;\n"
    base = {"book": desk.book.pk, "kind": "entries"}
    page = client.post(reverse_, {**base, "file": _sent(theirs)}).content.decode()
    assert "which column of the file is: date, reference" in page
    assert "<b>Fee" not in page
    names = {"date": "Datum", "reference": "Nr", "description": "Text", "account": "Konto", "debit": "Soll"}
    theirs = theirs.replace("<b>", "") + "2026-03-01;x-1;Fee;assets:custody:bitcoin-regtest;;0.00000500\n"
    said: dict[str, Any] = {**base, "name": "bank.csv", "content": b64encode(theirs.encode()).decode()}
    said |= {f"column_{ours}": name for ours, name in {**names, "credit": "Haben"}.items()}
    said |= {"always_asset": "BTC", "always_reason": "Bank statement"}
    before = JournalEntry.objects.count()
    assert "Write all of it" in client.post(reverse_, {**said, "check": ""}).content.decode()
    assert (JournalEntry.objects.count(), Proposal.objects.count()) == (before, 0)
    assert client.post(reverse_, {**said, "confirm": ""}).status_code == 302
    assert JournalEntry.objects.count() - before + Proposal.objects.count() == 1
    again = client.post(reverse_, {**base, "file": _sent(theirs)}).content.decode()
    assert "1 are known already" in again


def test_rates_of_an_exchange_and_who_may(desk: Desk) -> None:
    rows = "coin,when,eur\nBTC,2026-03-01T12:00:00Z,61000.5\nBTC,2026-03-02T12:00:00,1\n"
    said = {"book": desk.book.pk, "kind": "rates", "name": "x.csv", "content": b64encode(rows.encode()).decode()}
    said |= {"column_asset": "coin", "column_observed_at": "when", "column_price": "eur", "always_currency": "EUR"}
    client = Client()
    client.force_login(desk.members["accountant"])
    before = Rate.objects.count()
    assert "has no time zone" in client.post(reverse(PAGE), {**said, "confirm": ""}).content.decode()
    assert Rate.objects.count() == before
    right = {**said, "content": b64encode(rows.replace("12:00:00,", "12:00:00Z,").encode()).decode(), "confirm": ""}
    assert client.post(reverse(PAGE), right).status_code == 302
    assert Rate.objects.count() == before + 2
    for role in ("viewer", "cashier", "approver", "auditor", "administrator"):
        other = Client()
        other.force_login(desk.members[role])
        assert other.post(reverse(PAGE), right).status_code in (302, 403), role
    assert Rate.objects.count() == before + 2
    held = chart.custody(desk.book.pk, desk.coin)
    assert balances.balance(held).posted == 3 * 10**8


def test_a_rate_is_named_by_its_line_also_behind_a_cell_of_several_lines(desk: Desk) -> None:
    good = 'BTC,EUR,5,2026-03-01T12:00:00Z,"a\nb"'
    content = f"asset,currency,price,observed_at,source\n{good}\nBTC,EUR,5,2026-03-01T12:00:00Z,c\u2028d\n"
    said = {f"column_{name}": name for name in ("asset", "currency", "price", "observed_at", "source")}
    said |= {"book": str(desk.book.pk), "kind": "rates", "name": "x.csv"}
    client = Client()
    client.force_login(desk.members["accountant"])
    page = client.post(reverse(PAGE), {**said, "content": b64encode(content.encode()).decode()})
    assert page.status_code == 200
    cells = re.findall(r"<td[^>]*>(.*?)</td>", str(page.context["errors"]), re.DOTALL)
    assert [unescape(cell).strip()[:12] for cell in cells if cell.strip() != "rate_invalid"] == [
        *("3", "the source's"),
        *("4", "the source's"),
    ]


def test_the_sample_on_the_page_and_in_the_docs_is_read_as_it_stands(desk: Desk) -> None:
    money = money_of(desk.book)
    chart.add_account(desk.book.pk, "expense:rent", "Rent", money)
    chart.add_account(desk.book.pk, "assets:bank", "Bank", money)
    (entry,), wrong = read(desk, entry_files.SAMPLE)
    assert wrong == []
    assert [(leg.account.code, leg.debit, leg.credit) for leg in entry.legs] == [
        ("expense:rent", 120_000, 0),
        ("assets:bank", 0, 120_000),
    ]
    assert f"```csv\n{entry_files.SAMPLE}```" in (settings.BASE_DIR / "docs" / "accountant.md").read_text()
    assert not rate_files.read(rate_files.SAMPLE.splitlines(keepends=True), "x")[1]
    client = Client()
    client.force_login(desk.members["accountant"])
    page = client.get(reverse(PAGE), {"book": desk.book.pk}).content.decode()
    assert escape(entry_files.SAMPLE) in page
    assert escape(rate_files.SAMPLE) in page


EVIL = '"><img src=x onerror=alert(1)><script>alert(2)</script>'


def test_threat_41_script_in_a_file_its_name_or_its_columns_is_text_in_the_preview(desk: Desk) -> None:
    quoted = EVIL.replace('"', '""')
    rows = f'"{quoted}",reference,description\n"{quoted}","{quoted}","=cmd|{quoted}"\n'
    client = Client()
    client.force_login(desk.members["accountant"])
    for kind in ("entries", "rates"):
        said: dict[str, Any] = {"book": desk.book.pk, "kind": kind, "name": EVIL}
        said["content"] = b64encode(rows.encode()).decode()
        ours = COLUMNS if kind == "entries" else ("asset", "currency", "price", "observed_at")
        for named in ({}, dict.fromkeys((f"column_{name}" for name in ours), EVIL)):
            answer = client.post(reverse(PAGE), {**said, **named, "always_description": EVIL, "check": ""})
            page = answer.content.decode()
            assert answer.status_code == 200
            assert "&lt;script&gt;" in page
            assert "<img src=x" not in page
            assert "<script>alert" not in page
    assert not Proposal.objects.exists()


def test_what_is_too_large_or_no_table_is_refused_in_words_on_the_page(desk: Desk) -> None:
    client = Client()
    client.force_login(desk.members["accountant"])
    for text, words in (
        ("a,b\n" + "1,2\n" * columns.LARGEST_BYTES, "a file has at most"),
        ("a,b\n" + "1,2\n" * (columns.MOST_ROWS + 1), "further ones"),
        ('a,b\n"1', "no CSV file"),
        ("a,b\n1,2,3\n", "line 2 has 3 columns"),
    ):
        page = client.post(reverse(PAGE), {"book": desk.book.pk, "kind": "entries", "file": _sent(text)})
        assert words in page.content.decode().lower().replace("no csv", "no CSV"), words
    assert not JournalEntry.objects.filter(source=manual.SOURCE).exists()


def test_a_column_without_a_name_is_nobodys(desk: Desk) -> None:
    """As pandas writes its index."""
    found = columns.table(b",price,asset\n0,5,BTC\n")
    assert found.named({"price": "price", "source": ""}) == [(2, {"price": "5", "source": ""})]
    assert columns.guessed(found.names, ["price", "source"], {"price": ""}) == {"price": "price", "source": ""}
