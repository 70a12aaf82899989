"""The chart over REST: assets, accounts, balances as of any date, statements, the trial balance."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ledger import balances, chart
from ledger.currencies import FIAT_DECIMALS
from ledger.models import Account, Asset
from monitor.chains import CHAINS
from tests.cryptopay.api.conftest import Caller, code, pay
from tests.cryptopay.api.ledger_programs import BANK, CREDIT, RENT, SALES, entry, holds, made, open_books
from tests.cryptopay.api.test_invoices import rows
from tests.cryptopay.api.test_ledger_entries import fault


@pytest.fixture
def books(alice: Caller) -> dict[str, str]:
    return open_books(alice)


def all_of(caller: Caller, path: str, limit: int = 2, **query: Any) -> list[dict[str, Any]]:
    """Page by page."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = caller.get(path, limit=limit, **query, **cursor).json()  # type: ignore[attr-defined]
        assert len(page["data"]) <= limit
        found += page["data"]
        if not page["has_more"]:
            assert page["next_cursor"] is None
            return found
        cursor = {"cursor": page["next_cursor"]}


def test_assets(alice: Caller, charlie: Caller) -> None:
    points = made(alice, "/ledger/assets", {"code": "POINTS", "decimals": 0})
    assert points == {
        "name": "POINTS", "code": "POINTS", "kind": "own", "chain": None, "contract": None, "decimals": 0,
    }  # fmt: skip
    assert made(alice, "/ledger/assets", {"code": "POINTS", "decimals": 0}) == points
    hers = {asset["name"]: asset for asset in all_of(alice, "/ledger/assets", 7)}
    test_coins = {f"{chain.native.code}@{chain.code}" for chain in CHAINS.values() if not chain.live}
    assert set(hers) == {*FIAT_DECIMALS, *test_coins, "POINTS"}
    assert hers["JPY"] == {
        "name": "JPY", "code": "JPY", "kind": "currency", "chain": None, "contract": None, "decimals": 0,
    }  # fmt: skip
    assert "POINTS" not in {asset["name"] for asset in all_of(charlie, "/ledger/assets", 50)}
    assert made(charlie, "/ledger/assets", {"code": "POINTS", "decimals": 2})["decimals"] == 2
    real = {asset["name"] for asset in all_of(Caller(alice.merchant, live=True), "/ledger/assets", 50)}
    assert real.isdisjoint({*test_coins, "POINTS"})
    assert "BTC@bitcoin" in real


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"code": "EUR", "decimals": 2}, (409, "asset_code_taken", "/code")),
        ({"code": "BTC", "decimals": 8}, (409, "asset_code_taken", "/code")),
        ({"code": "POINTS", "decimals": 3}, (409, "asset_conflict", "/decimals")),
        ({"code": "points", "decimals": 0}, (400, "asset_code_invalid", "/code")),
        ({"code": "A:B", "decimals": 0}, (400, "asset_code_invalid", "/code")),
        ({"code": "\uff21", "decimals": 0}, (400, "asset_code_invalid", "/code")),
        ({"code": "X" * 17, "decimals": 0}, (400, "max_length", "/code")),
        ({"code": "X", "decimals": 31}, (400, "max_value", "/decimals")),
        ({"code": "X", "decimals": "2"}, (400, "invalid", "/decimals")),
        ({"code": "X", "decimals": 2.0}, (400, "invalid", "/decimals")),
        ({"code": "X"}, (400, "required", "/decimals")),
        ({"code": "X", "decimals": 2, "chain": "bitcoin"}, (400, "unknown_field", "/chain")),
    ],
)
def test_wrong_assets(alice: Caller, body: dict[str, Any], expected: tuple[Any, ...]) -> None:
    made(alice, "/ledger/assets", {"code": "POINTS", "decimals": 0})
    before = Asset.objects.count()
    assert fault(alice.post("/ledger/assets", body)) == expected
    assert Asset.objects.count() == before


def test_a_book_has_a_hundred_assets_of_its_own_at_most(alice: Caller) -> None:
    made(alice, "/ledger/assets", {"code": "FIRST", "decimals": 0})
    contract = Asset.objects.get(code="FIRST").contract.removesuffix("FIRST")
    for n in range(99):
        chart.asset(f"A{n}", "", 0, f"{contract}A{n}")
    assert fault(alice.post("/ledger/assets", {"code": "X", "decimals": 0})) == (409, "too_many_assets", "")
    made(alice, "/ledger/assets", {"code": "FIRST", "decimals": 0})


def test_open(alice: Caller, charlie: Caller) -> None:
    body = {"code": "liabilities:store credit:bob", "asset": "EUR", "name": "Bob", "floor": "0", "kind": "liability"}
    opened = made(alice, "/ledger/accounts", {**body, "clears_within_days": 30})
    assert (opened["kind"], opened["name"], opened["clears_within_days"], opened["closed_at"]) == (
        "liability", "Bob", 30, None,
    )  # fmt: skip
    nothing = {"asset": "EUR", "amount": "0.00", "base_units": "0"}
    assert opened["floor"] == nothing
    assert opened["balance"] == dict.fromkeys(("posted", "pending_in", "pending_out", "available"), nothing)
    assert alice.get(f"/ledger/accounts/{opened['id']}").json() == opened
    assert made(alice, "/ledger/accounts", {"code": body["code"], "asset": "EUR"}) == opened
    assert made(charlie, "/ledger/accounts", body)["id"] != opened["id"]
    coin = made(alice, "/ledger/accounts", {"code": body["code"], "asset": "BTC"})
    assert coin["asset"]["name"] == "BTC@bitcoin-regtest"
    assert (coin["name"], coin["floor"]) == (body["code"], None)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (400, "request_invalid", None)),
        ({"code": RENT, "asset": "DOGE"}, (422, "asset_unknown", "/asset")),
        ({"code": RENT, "asset": "BTC@bitcoin"}, (422, "asset_unknown", "/asset")),
        ({"code": RENT, "asset": ""}, (400, "blank", "/asset")),
        ({"code": "rent", "asset": "EUR"}, (400, "account_code_invalid", "/code")),
        ({"code": "expense", "asset": "EUR", "kind": "income"}, (422, "account_kind_invalid", "/kind")),
        ({"code": "expense:x", "asset": "EUR", "kind": "X"}, (400, "invalid_choice", "/kind")),
        ({"code": "expense:Rent", "asset": "EUR"}, (400, "account_code_invalid", "/code")),
        ({"code": "expense::rent", "asset": "EUR"}, (400, "account_code_invalid", "/code")),
        ({"code": "expense:x\u202e", "asset": "EUR"}, (400, "account_code_invalid", "/code")),
        ({"code": "x" * 201, "asset": "EUR"}, (400, "max_length", "/code")),
        ({"code": "assets:custody:bitcoin-regtest", "asset": "BTC"}, (422, "account_reserved", "/code")),
        ({"code": "expense:x", "asset": "EUR", "floor": 0}, (400, "amount_malformed", "/floor")),
        ({"code": "expense:x", "asset": "EUR", "floor": "-1"}, (400, "amount_malformed", "/floor")),
        ({"code": "expense:x", "asset": "EUR", "floor": "0.001"}, (400, "amount_too_precise", "/floor")),
        ({"code": "expense:x", "asset": "EUR", "clears_within_days": 0}, (400, "min_value", "/clears_within_days")),
        ({"code": "expense:x", "asset": "EUR", "balance": "5"}, (400, "unknown_field", "/balance")),
        ({"code": CREDIT, "asset": "EUR", "floor": "1"}, (409, "account_conflict", "")),
        ({"code": CREDIT, "asset": "EUR", "clears_within_days": 3}, (409, "account_conflict", "")),
        ({"code": "liabilities:customers:eve", "asset": "BTC", "floor": "1"}, (409, "account_conflict", "")),
        ({"code": "income:sales", "asset": "BTC", "floor": "0"}, (409, "account_conflict", "")),
    ],
)
def test_wrong_accounts(alice: Caller, books: dict[str, str], body: dict[str, Any], expected: tuple[Any, ...]) -> None:
    before = rows()
    answer = alice.post("/ledger/accounts", body)
    assert (answer.status_code, code(answer)) == expected[:2]
    assert expected[2] is None or fault(answer) == expected
    assert rows() == before


def test_accounts_that_payments_use_have_one_form(alice: Caller, order: dict[str, Any]) -> None:
    """Whoever opens them first; else a program could make payments fail."""
    for name, floor in (("liabilities:customers:Bob & Co", "0.00000000"), ("liabilities:guests", "0.00000000")):
        opened = made(alice, "/ledger/accounts", {"code": name, "asset": "BTC"})
        assert (opened["kind"], opened["floor"]["amount"]) == ("liability", floor)
        assert fault(alice.post(f"/ledger/accounts/{opened['id']}/close")) == (409, "account_stays_open", "")
    alice.post("/invoices", {**order, "customer_ref": "Bob & Co"})
    pay(alice)
    bob = alice.get("/ledger/accounts", customer="Bob & Co").json()["data"]
    assert [account["balance"]["pending_in"]["base_units"] for account in bob] == ["50000"]


def test_close(alice: Caller, books: dict[str, str]) -> None:
    made(alice, "/ledger/entries", entry(BANK, SALES, "1"))
    assert fault(alice.post(f"/ledger/accounts/{books[BANK]}/close")) == (409, "account_not_empty", "")
    closed = made(alice, f"/ledger/accounts/{books[RENT]}/close", None)
    assert closed["closed_at"] is not None
    assert made(alice, f"/ledger/accounts/{books[RENT]}/close", {}) == closed
    assert fault(alice.post(f"/ledger/accounts/{books[SALES]}/close", {"force": True})) == (
        400,
        "unknown_field",
        "/force",
    )


def test_the_list_by_branch_asset_kind_and_customer(alice: Caller, books: dict[str, str]) -> None:
    made(alice, "/ledger/accounts", {"code": RENT, "asset": "BTC"})
    for ref in ("ann", "\u00e9mile", "zoe", "ann:2"):
        made(alice, "/ledger/accounts", {"code": f"liabilities:customers:{ref}", "asset": "ETH"})
    listed = all_of(alice, "/ledger/accounts", 3)
    codes = [account["code"] for account in listed]
    assert codes == sorted(codes)
    assert set(books) < set(codes)
    assert len({account["id"] for account in listed}) == len(listed) == Account.objects.filter(book=alice.book).count()

    def found(**query: str) -> list[str]:
        return [account["code"] for account in all_of(alice, "/ledger/accounts", **query)]

    customers = [f"liabilities:customers:{ref}" for ref in ("ann", "ann:2", "zoe", "\u00e9mile")]
    assert found(prefix="liabilities:customers:") == customers
    assert found(prefix="liabilities:customers:ann") == customers[:2]
    assert found(prefix="nothing") == found(prefix="Liabilities") == found(customer="nobody") == []
    assert found(customer="\u00e9mile") == customers[3:]
    assert found(code=RENT) == [RENT, RENT]
    assert found(code=RENT, asset="BTC") == found(code=RENT, asset="BTC@bitcoin-regtest") == [RENT]
    assert found(asset="ETH") == customers
    assert set(found(kind="asset", asset="EUR")) == {BANK}
    for wrong in ({"kind": "A"}, {"as_of": "today"}, {"as_of": "2026-13-01"}, {"limit": "101"}, {"name": "x"}):
        assert alice.get("/ledger/accounts", **wrong).status_code == 400


def test_balances_at_any_time(alice: Caller, books: dict[str, str]) -> None:
    def post(amount: str, at: str, **more: Any) -> dict[str, Any]:
        return made(alice, "/ledger/entries", entry(BANK, SALES, amount, effective_at=at, **more))

    post("1", "2026-03-01T23:59:59Z")
    post("2", "2026-03-02T00:00:00Z")
    known_at = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    back_dated = post("4", "2026-03-01T08:00:00Z")
    post("8", "2026-03-02T12:00:00Z", pending=True)
    account = books[SALES]
    assert holds(alice, account) == {
        "posted": "7.00", "pending_in": "8.00", "pending_out": "0.00", "available": "7.00",
    }  # fmt: skip
    assert holds(alice, account, as_of="2026-03-01")["posted"] == "5.00"
    assert holds(alice, account, as_of="2026-03-02")["pending_in"] == "8.00"
    assert holds(alice, account, as_of="2026-03-02T11:59:59Z")["pending_in"] == "0.00"
    assert holds(alice, account, as_of="2026-02-28")["posted"] == "0.00"
    assert holds(alice, account, known_at=known_at)["posted"] == "3.00"
    assert holds(alice, account, as_of="2026-03-01", known_at=known_at)["posted"] == "1.00"
    assert holds(alice, account, known_at=back_dated["recorded_at"])["posted"] == "7.00"
    (listed,) = alice.get("/ledger/accounts", code=SALES, as_of="2026-03-01").json()["data"]
    assert listed["balance"] == {
        "posted": {"asset": "EUR", "amount": "5.00", "base_units": "500"},
        "pending_in": None, "pending_out": None, "available": None,
    }  # fmt: skip
    for wrong in ({"known_at": "2026-03-01"}, {"known_at": "2026-03-01T00:00:00"}, {"as_of": "1"}, {"at": "x"}):
        assert alice.get(f"/ledger/accounts/{account}", **wrong).status_code == 400


def test_statement(alice: Caller, books: dict[str, str]) -> None:
    for day in (27, 28, 29, 30, 31):
        body = entry(BANK, CREDIT, f"{day}", effective_at=f"2026-03-{day}T09:00:00Z", order_id=str(day))
        made(alice, "/ledger/entries", body)
    spent = made(alice, "/ledger/entries", entry(CREDIT, SALES, "40", effective_at="2026-03-29T12:00:00Z"))
    made(alice, "/ledger/entries", entry(CREDIT, SALES, "1", effective_at="2026-03-29T13:00:00Z", pending=True))
    path = f"/ledger/accounts/{books[CREDIT]}/statement"
    period = {"from": "2026-03-28", "to": "2026-03-30"}
    page = alice.get(path, **period).json()
    assert [page[name]["amount"] for name in ("opening", "debits", "credits", "closing")] == [
        "27.00", "40.00", "87.00", "74.00",
    ]  # fmt: skip
    told = [(line["balance"]["amount"], (line["debit"] or line["credit"])["amount"]) for line in page["data"]]
    assert told == [("55.00", "28.00"), ("84.00", "29.00"), ("44.00", "40.00"), ("74.00", "30.00")]
    assert page["data"][0]["references"] == {"order": "28"}
    assert (page["data"][2]["entry_id"], page["data"][2]["credit"]) == (spent["id"], None)
    assert (page["code"], page["from"], page["to"], page["has_more"]) == (CREDIT, "2026-03-28", "2026-03-30", False)
    assert all_of(alice, path, 1, **period) == all_of(alice, path, 3, **period) == page["data"]
    empty = alice.get(path, **{"from": "2026-04-01", "to": "2026-04-30"}).json()
    assert empty["opening"] == empty["closing"] == {"asset": "EUR", "amount": "105.00", "base_units": "10500"}
    today = alice.get(path).json()
    assert (today["to"], today["from"]) == (str(datetime.now(UTC).date()), str(datetime.now(UTC).date().replace(day=1)))
    backwards = alice.get(path, **{"from": "2026-03-02", "to": "2026-03-01"})
    assert fault(backwards) == (400, "period_invalid", "to")
    for wrong in ("je_1", "line_1", "x"):
        assert fault(alice.get(path, cursor=wrong)) == (400, "cursor_invalid", "cursor")


def test_trial_balance(alice: Caller, charlie: Caller, books: dict[str, str]) -> None:
    made(alice, "/ledger/assets", {"code": "POINTS", "decimals": 0})
    for name in ("income:points", "liabilities:points"):
        made(alice, "/ledger/accounts", {"code": name, "asset": "POINTS"})
    made(alice, "/ledger/entries", entry("income:points", "liabilities:points", "70"))
    made(alice, "/ledger/entries", entry(BANK, SALES, "5", effective_at="2026-03-01T00:00:00Z"))
    made(alice, "/ledger/entries", entry(RENT, BANK, "2"))
    page = alice.get("/ledger/trial-balance").json()
    assert [(total["asset"]["name"], total["debit"]["amount"], total["balanced"]) for total in page["totals"]] == [
        ("EUR", "7.00", True), ("POINTS", "70", True),
    ]  # fmt: skip
    moved = {
        row["code"]: (row["debit"]["amount"], row["credit"]["amount"], row["balance"]["amount"]) for row in page["data"]
    }
    assert moved == {
        BANK: ("5.00", "2.00", "3.00"), RENT: ("2.00", "0.00", "2.00"), SALES: ("0.00", "5.00", "-5.00"),
        CREDIT: ("0.00", "0.00", "0.00"), "income:points": ("70", "0", "70"), "liabilities:points": ("0", "70", "-70"),
    }  # fmt: skip
    assert [int(row["debit"]["base_units"]) for row in page["data"]] == [
        row.debit for row in sorted(balances.trial_balance(alice.book.pk), key=lambda row: row.account.code)
    ]
    assert all_of(alice, "/ledger/trial-balance", 2) == page["data"]
    assert alice.get("/ledger/trial-balance", limit=2, cursor=books[BANK]).json()["totals"] is None
    past = alice.get("/ledger/trial-balance", as_of="2026-03-01", asset="EUR").json()
    assert (past["as_of"], past["totals"][0]["debit"]["amount"]) == ("2026-03-01", "5.00")
    assert {row["asset"]["name"] for row in past["data"]} == {"EUR"}
    assert charlie.get("/ledger/trial-balance").json()["totals"] == []


def test_days_are_utc_and_end_at_midnight(alice: Caller, books: dict[str, str]) -> None:
    made(alice, "/ledger/entries", entry(BANK, SALES, "1", effective_at="2026-03-01T01:00:00+02:00"))
    assert holds(alice, books[BANK], as_of="2026-02-28")["posted"] == "1.00"
    day = date(2026, 2, 28)
    found = alice.get("/journal", effective_from=str(day), effective_to=str(day)).json()["data"]
    assert len(found) == 1
    assert alice.get("/journal", effective_from=str(day + timedelta(days=1))).json()["data"] == []
