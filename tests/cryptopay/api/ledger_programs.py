"""What the tests of the ledger's routes send: a shop's program that keeps its books here."""

from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.cryptopay.api.conftest import Caller

BANK, CREDIT, RENT, SALES = "assets:bank", "liabilities:store credit:bob", "expense:rent", "income:services"


def open_books(caller: Caller) -> dict[str, str]:
    """Four accounts in EUR, by their codes; Bob's store credit is never overdrawn."""
    bodies: list[dict[str, Any]] = [{"code": code, "asset": "EUR"} for code in (BANK, RENT, SALES)]
    bodies.append({"code": CREDIT, "asset": "EUR", "name": "Bob's store credit", "floor": "0"})
    return {body["code"]: made(caller, "/ledger/accounts", body)["id"] for body in bodies}


def made(caller: Caller, path: str, body: Any, **more: Any) -> dict[str, Any]:
    """What a POST has written."""
    answer = caller.post(path, body, **more)
    assert answer.status_code in (200, 201), answer.content
    found: dict[str, Any] = answer.json()  # type: ignore[attr-defined]
    return found


def entry(debit: str, credit: str, amount: str, **more: Any) -> dict[str, Any]:
    """A body of two legs."""
    return {"legs": [{"account": debit, "debit": amount}, {"account": credit, "credit": amount}], **more}


def holds(caller: Caller, account: str, **query: str) -> dict[str, str]:
    """The account's balance, by its id: what is posted, on its way in and out, and available."""
    answer = caller.get(f"/ledger/accounts/{account}", **query)
    assert answer.status_code == 200, answer.content
    return {name: amount["amount"] for name, amount in answer.json()["balance"].items()}  # type: ignore[attr-defined]


def queries(caller: Caller, path: str, **query: Any) -> int:
    """How many the database is asked for one GET."""
    with CaptureQueriesContext(connection) as asked:
        answer = caller.get(path, **query)
    assert answer.status_code == 200, answer.content
    return len(asked)
