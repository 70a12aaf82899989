"""Reports for programs are those of the back office, to the row, and CSV runs nothing."""

import csv
import io
import json
import re
from decimal import Decimal
from typing import Any

import pytest
from django.http import HttpResponse

from ledger import chart
from reports import exporting
from reports.formats import gathering, pdf
from reports.registry import REPORTS
from tests.cryptopay.api.conftest import Caller, code
from tests.cryptopay.api.ledger_programs import BANK, SALES, entry, made, open_books
from tests.cryptopay.api.test_invoices import queries

MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"
FORMULAS = ["=HYPERLINK(0)", "+1", "-1", "@SUM(1)", "\tx", "\rx"]


def _text(answer: HttpResponse) -> str:
    assert answer.status_code == 200, answer
    return b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]


def asked(name: str) -> dict[str, str]:
    """What the report cannot do without."""
    known = {"account": f"{BANK} EUR", "customer": "ann"}
    needed = [parameter.name for parameter in REPORTS[name].parameters if parameter.required]
    return {parameter: known[parameter] for parameter in needed}


def _line(row: dict[str, Any]) -> list[str]:
    """As CSV has it."""
    return [_in_csv(cell) for cell in row.values()]


def _in_csv(cell: Any) -> str:
    if isinstance(cell, dict):
        return str(cell["amount"])
    if isinstance(cell, str) and re.fullmatch(MOMENT, cell):
        return cell.replace("T", " ")[: len("2026-11-20 12:00:00")]
    return "" if cell is None else str(cell)


def _report(caller: Caller, name: str, **query: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_text(caller.get(f"/reports/{name}", **query)))
    return found


def test_the_list_says_what_there_is(alice: Caller) -> None:
    told = alice.get("/reports").json()["data"]
    assert [report["name"] for report in told] == list(REPORTS)
    balance = next(report for report in told if report["name"] == "trial-balance")
    assert balance["columns"][:3] == ["account", "name", "asset"]
    assert balance["formats"] == ["csv", "xlsx", "pdf", "json"]
    about = "By the end of that day (UTC); now, where it is not said."
    assert balance["parameters"] == [{"name": "until", "about": about, "required": False, "choices": []}]


@pytest.mark.parametrize("name", REPORTS)
def test_json_and_csv_have_the_same_rows(alice: Caller, name: str) -> None:
    open_books(alice)
    made(alice, "/ledger/entries", entry(BANK, SALES, "19.99"))
    chart.customer(alice.book.pk, "ann", chart.asset("BTC", "bitcoin-regtest", 8))
    told = _report(alice, name, **asked(name))
    answer = alice.get(f"/reports/{name}", format="csv", **asked(name))
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith(f'attachment; filename="{name}')
    lines = list(csv.reader(io.StringIO(_text(answer), newline="")))
    assert [title.lower().replace(" ", "_") for title in lines[0]] == told["columns"]
    assert sorted(lines[1:]) == sorted(_line(row) for row in told["data"] + told["totals"])


def test_amounts_are_exact_and_balanced(alice: Caller) -> None:
    open_books(alice)
    made(alice, "/ledger/entries", entry(BANK, SALES, "19.99"))
    rows = {row["account"]: row for row in _report(alice, "trial-balance")["data"]}
    assert rows[BANK]["balance"] == {"amount": "19.99", "base_units": "1999", "asset": "EUR"}
    assert sum(Decimal(row["balance"]["amount"]) for row in rows.values()) == 0


def test_files_are_files(alice: Caller) -> None:
    open_books(alice)
    for form, begin in (("xlsx", b"PK"), ("pdf", b"%PDF-")):
        answer = alice.get("/reports/trial-balance", format=form, until="2026-03-01")
        assert b"".join(answer.streaming_content).startswith(begin)  # type: ignore[attr-defined]
        assert answer["Content-Disposition"] == f'attachment; filename="trial-balance-2026-03-01.{form}"'


def test_as_of_a_day(alice: Caller) -> None:
    open_books(alice)
    made(alice, "/ledger/entries", {**entry(BANK, SALES, "5.00"), "effective_at": "2026-03-02T12:00:00Z"})
    before, after = (_report(alice, "trial-balance", until=day) for day in ("2026-03-01", "2026-03-02"))
    assert before["parameters"] == {"until": "2026-03-01"}
    sums = [sum(Decimal(row["debit"]["amount"]) for row in told["data"]) for told in (before, after)]
    assert sums == [0, 5]
    assert (
        'filename="trial-balance-2026-03-01.csv"'
        in alice.get("/reports/trial-balance", until="2026-03-01", format="csv")["Content-Disposition"]
    )


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("text/csv", "text/csv; charset=utf-8"),
        ("text/csv;q=0.5, application/json", "application/json"),
        ("*/*", "application/json"),
        ("text/html", "application/json"),
        ("", "application/json"),
    ],
)
def test_the_form_is_as_asked(alice: Caller, accept: str, expected: str) -> None:
    answer = alice.send("GET", "/reports/receipts", headers={"accept": accept})
    assert (answer["Content-Type"], answer["Vary"]) == (expected, "Accept")
    asked = alice.send("GET", "/reports/receipts", query={"format": "json"}, headers={"accept": "text/csv"})
    assert asked["Content-Type"] == "application/json"


def test_threat_41_csv_runs_nothing(alice: Caller) -> None:
    for number, formula in enumerate(FORMULAS):
        made(alice, "/ledger/accounts", {"code": f"expense:{number}", "asset": "EUR", "name": formula})
    lines = csv.reader(io.StringIO(_text(alice.get("/reports/trial-balance", format="csv")), newline=""))
    names = [line[1] for line in lines][1:]
    assert [name for name in names if name.startswith("'")] == [f"'{formula}" for formula in FORMULAS]
    assert not [name for name in names if name.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_another_book_is_in_no_report(alice: Caller, charlie: Caller) -> None:
    open_books(alice)
    for name in REPORTS:
        if not asked(name):
            told = _report(charlie, name)
            figures = [cell for row in told["data"] + told["totals"] for cell in row.values() if isinstance(cell, dict)]
            assert {cell["base_units"] for cell in figures} <= {"0"}, name


def test_what_cannot_be_asked(alice: Caller) -> None:
    for query, expected in (
        ({"format": "html"}, "invalid_choice"),
        ({"until": "yesterday"}, "day_invalid"),
        ({"until": "0001-01-01"}, "day_invalid"),
        ({"book": "1"}, "unknown_parameter"),
        ({"customer": "ann"}, "unknown_parameter"),
    ):
        answer = alice.get("/reports/receipts", **query)
        assert (answer.status_code, code(answer)) == (400, expected)
    assert code(alice.get("/reports/nothing")) == "not_found"
    for name, query, expected, status in (
        ("account-statement", {}, "parameter_missing", 400),
        ("account-statement", {"account": "assets:nowhere"}, "account_unknown", 422),
        ("customer-statement", {"customer": "ann"}, "customer_unknown", 422),
        ("general-ledger", {"from": "2026-03-02", "to": "2026-03-01"}, "period_invalid", 400),
        ("journal", {"state": "lost"}, "choice_invalid", 400),
    ):
        answer = alice.get(f"/reports/{name}", **query)
        assert (answer.status_code, code(answer)) == (status, expected)
        assert answer.json()["errors"][0]["parameter"] in ("account", "customer", "to", "state")  # type: ignore[attr-defined]


def test_threat_39_nobody_asks_for_anothers_account(alice: Caller, charlie: Caller) -> None:
    open_books(alice)
    chart.customer(alice.book.pk, "ann", chart.asset("BTC", "bitcoin-regtest", 8))
    for name, query in (("account-statement", {"account": f"{BANK} EUR"}), ("customer-statement", {"customer": "ann"})):
        assert alice.get(f"/reports/{name}", **query).status_code == 200
        assert charlie.get(f"/reports/{name}", **query).status_code == 422


def test_a_report_asks_a_constant_number_of_questions(alice: Caller) -> None:
    open_books(alice)
    few = queries(lambda: alice.get("/reports/trial-balance"))
    for number in range(10):
        made(alice, "/ledger/accounts", {"code": f"expense:{number}", "asset": "EUR"})
    assert queries(lambda: alice.get("/reports/trial-balance")) == few


def test_rows_are_sent_in_pieces(alice: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "_TEXTS_A_PIECE", 1)
    open_books(alice)
    answer = alice.get("/reports/trial-balance")
    pieces = list(answer.streaming_content)  # type: ignore[attr-defined]
    assert len(pieces) > 3
    assert json.loads(b"".join(pieces))["name"] == "trial-balance"


def test_an_export_is_made_in_the_background_for_the_key_that_asked(alice: Caller) -> None:
    open_books(alice)
    made_of = alice.post("/reports/trial-balance/exports", {"format": "csv", "until": "2026-03-01"})
    assert made_of.status_code == 202
    export = made_of.json()
    assert (export["state"], export["file_name"]) == ("waiting", "trial-balance-2026-03-01.csv")
    assert code(alice.get(f"/exports/{export['id']}/file")) == "export_not_ready"
    assert exporting.make_next()
    done = alice.get(f"/exports/{export['id']}").json()
    assert (done["state"], done["rows"] > 0, done["error"]) == ("done", True, None)
    file = alice.get(f"/exports/{export['id']}/file")
    assert _text(file) == _text(alice.get("/reports/trial-balance", format="csv", until="2026-03-01"))
    assert len(_text(alice.get(f"/exports/{export['id']}/file"))) == done["size_bytes"]
    for path in (f"/exports/{export['id']}", f"/exports/{export['id']}/file"):
        assert Caller(alice.merchant).get(path).status_code == 404


def test_an_export_that_cannot_be_asked(alice: Caller) -> None:
    for body, expected in (
        ({}, "required"),
        ({"format": "html"}, "invalid_choice"),
        ({"format": "xero"}, "format_unavailable"),
        ({"format": "csv", "until": "yesterday"}, "day_invalid"),
        ({"format": "csv", "customer": "ann"}, "unknown_parameter"),
    ):
        answer = alice.post("/reports/trial-balance/exports", body)
        assert (answer.status_code, code(answer)) == (400, expected)
    for _ in range(exporting.MOST_UNFINISHED):
        alice.post("/reports/trial-balance/exports", {"format": "csv"})
    assert code(alice.post("/reports/trial-balance/exports", {"format": "csv"})) == "too_many_exports"


def test_a_report_too_long_for_paper_is_refused(alice: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    open_books(alice)
    monkeypatch.setattr(pdf, "MOST_ROWS", 1)
    answer = alice.get("/reports/trial-balance", format="pdf")
    assert (answer.status_code, code(answer)) == (422, "report_too_long")
    assert alice.get("/reports/trial-balance", format="csv").status_code == 200
