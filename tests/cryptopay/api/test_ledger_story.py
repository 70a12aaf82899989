"""A shop's software keeps its books here, by HTTP alone: a month of a small business, to the cent."""

from typing import Any

from tests.cryptopay.api.conftest import Caller
from tests.cryptopay.api.ledger_programs import entry, holds, made
from tests.cryptopay.api.test_ledger_accounts import all_of
from tests.cryptopay.api.test_ledger_entries import fault

ACCOUNTS: list[dict[str, Any]] = [
    {"code": "assets:bank", "asset": "EUR"},
    {"code": "assets:card payments", "asset": "EUR", "clears_within_days": 5},
    {"code": "liabilities:vouchers", "asset": "EUR", "floor": "0"},
    {"code": "liabilities:vat", "asset": "EUR"},
    {"code": "equity:owner", "asset": "EUR"},
    {"code": "income:goods", "asset": "EUR"},
    {"code": "expense:card fees", "asset": "EUR"},
    {"code": "expense:rent", "asset": "EUR"},
    {"code": "liabilities:points:bob", "asset": "POINTS", "floor": "0"},
    {"code": "expense:points", "asset": "POINTS"},
]


def test_a_month_of_a_shop(alice: Caller) -> None:
    made(alice, "/ledger/assets", {"code": "POINTS", "decimals": 0})
    account = {body["code"]: made(alice, "/ledger/accounts", body)["id"] for body in ACCOUNTS}
    _opening_and_rent(alice)
    _sales(alice)
    voucher = made(
        alice,
        "/ledger/entries",
        entry("liabilities:vouchers", "income:goods", "20.00", pending=True, order_id="204", reference="order-204-v"),
    )
    assert holds(alice, account["liabilities:vouchers"]) == {
        "posted": "50.00", "pending_in": "0.00", "pending_out": "20.00", "available": "30.00",
    }  # fmt: skip
    twice = entry("liabilities:vouchers", "income:goods", "30.01", pending=True)
    assert fault(alice.post("/ledger/entries", twice)) == (409, "balance_below_floor", "/legs/0")
    made(alice, f"/ledger/entries/{voucher['id']}/settle", {"effective_at": "2026-03-20T10:00:00Z"})
    _pay_out_the_card_company(alice)
    _mistake(alice)

    expected = {
        "assets:bank": "5197.61", "assets:card payments": "0.00", "liabilities:vouchers": "30.00",
        "liabilities:vat": "57.00", "equity:owner": "5000.00", "income:goods": "320.00", "expense:card fees": "9.39",
        "expense:rent": "200.00", "liabilities:points:bob": "119", "expense:points": "119",
    }  # fmt: skip
    held = {row["code"]: row["balance"]["posted"]["amount"] for row in all_of(alice, "/ledger/accounts", 4)}
    assert held == expected
    _reads(alice, account)


def _opening_and_rent(alice: Caller) -> None:
    start = entry("assets:bank", "equity:owner", "5000.00", effective_at="2026-03-01T08:00:00Z", reference="start")
    rent = entry("expense:rent", "assets:bank", "200.00", effective_at="2026-03-02T08:00:00Z", reference="rent-03")
    made(alice, "/ledger/entries/batch", {"entries": [start, rent]})


def _sales(alice: Caller) -> None:
    """Two sales by card with VAT, one voucher sold, and points for Bob: in one entry of two assets."""
    for order, gross, net, vat in (("201", "238.00", "200.00", "38.00"), ("202", "119.00", "100.00", "19.00")):
        legs = [
            {"account": "assets:card payments", "debit": gross},
            {"account": "income:goods", "credit": net},
            {"account": "liabilities:vat", "credit": vat},
        ]
        if order == "202":
            legs += [
                {"account": "expense:points", "debit": "119"},
                {"account": "liabilities:points:bob", "credit_base_units": "119"},
            ]
        sale = {"legs": legs, "order_id": order, "reference": f"sale-{order}", "effective_at": "2026-03-10T12:00:00Z"}
        posted = made(alice, "/ledger/entries", sale)
        assert made(alice, "/ledger/entries", sale) == posted  # the shop's program had not heard the answer
    voucher = entry("assets:card payments", "liabilities:vouchers", "50.00", effective_at="2026-03-11T12:00:00Z")
    made(alice, "/ledger/entries", {**voucher, "order_id": "203"})


def _pay_out_the_card_company(alice: Caller) -> None:
    legs = [
        {"account": "assets:bank", "debit": "397.61"},
        {"account": "expense:card fees", "debit": "9.39"},
        {"account": "assets:card payments", "credit": "407.00"},
    ]
    made(alice, "/ledger/entries", {"legs": legs, "effective_at": "2026-03-15T06:00:00Z", "description": "Payout"})


def _mistake(alice: Caller) -> None:
    wrong = made(alice, "/ledger/entries", entry("expense:rent", "assets:bank", "20.00", order_id="?"))
    made(alice, f"/ledger/entries/{wrong['id']}/reverse", {"reason": "Typed twice"})
    assert alice.get(f"/journal/{wrong['id']}").json()["standing"] == "reversed"


def _reads(alice: Caller, account: dict[str, str]) -> None:
    trial = alice.get("/ledger/trial-balance", as_of="2026-03-31").json()
    assert all(total["balanced"] for total in trial["totals"])
    assert {total["asset"]["name"] for total in trial["totals"]} == {"EUR", "POINTS"}
    statement = alice.get(
        f"/ledger/accounts/{account['assets:bank']}/statement", **{"from": "2026-03-02", "to": "2026-03-31"}
    ).json()
    assert [line["balance"]["amount"] for line in statement["data"]] == ["4800.00", "5197.61"]
    assert (statement["opening"]["amount"], statement["closing"]["amount"]) == ("5000.00", "5197.61")
    (order,) = alice.get("/journal", order="202").json()["data"]
    assert [amount["asset"] for amount in order["amounts"]] == ["EUR", "POINTS"]
    assert [story["references"]["order"] for story in alice.get("/journal", standing="reversed").json()["data"]] == [
        "?"
    ]
    assert len(all_of(alice, "/journal", 3)) == 8
    closed = alice.post(f"/ledger/accounts/{account['liabilities:vouchers']}/close")
    assert fault(closed) == (409, "account_not_empty", "")
