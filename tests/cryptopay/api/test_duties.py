"""The four lines between duties, by API: a program does what its key's scopes say, and none stands for two people.

In the back office: `tests/cryptopay/backoffice/test_four_duties.py`."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from cryptopay.merchants.models import ApiKey
from ledger import balances, chart, manual, proposals
from ledger.journal import Leg
from ledger.models import Account, Proposal
from tests.cryptopay.api.conftest import Caller, code, pay
from tests.cryptopay.api.test_invoices import rows
from tests.cryptopay.api.test_outsiders import DOORS, OPEN_TO_ALL, ids

__all__ = ["ids"]

BOOKS = ["ledger:read", "ledger:write", "reports:read", "rates:read", "rates:write", "invoices:read", "invoices:mark"]
"""What an accountant may, as scopes."""
SALES = ["invoices:read", "invoices:write", "customers:read", "customers:write"]
"""What a cashier may."""
READING = [scope for scope in ApiKey.Scope.values if scope.endswith(":read")]
"""What an auditor may."""
ITS_OWN = ("report-exports", "rotated-api-key")
"""A file made for who reads a report, and the key itself, changed for a new one: nothing of the merchant's changes."""


def test_a_program_that_keeps_the_books_cannot_pay(alice: Caller, ids: dict[str, str]) -> None:
    """No coin leaves custody by it, and it says nowhere else where coins arrive."""
    program = Caller(alice.merchant, scopes=BOOKS)
    custody = Account.objects.get(book=alice.book, code__startswith="assets:custody:")
    before = rows()
    for name in (custody.code, f"acc_{custody.pk}"):
        legs = [{"account": "liabilities:customers:bob", "debit": "1"}, {"account": name, "credit": "1"}]
        for path, body in (
            ("/ledger/entries", {"legs": legs}),
            ("/ledger/entries/batch", {"entries": [{"legs": legs}]}),
        ):
            answer = program.post(path, body)
            assert (answer.status_code, code(answer)) == (422, "account_reserved"), path
    for path in ("/public-keys", "/addresses", "/invoices", "/webhook-endpoints", "/api-keys", "/customers"):
        answer = program.post(path, {})
        assert (answer.status_code, code(answer)) == (403, "scope_missing"), path
    assert rows() == before


def test_a_program_that_sells_cannot_post(alice: Caller, ids: dict[str, str]) -> None:
    program, before = Caller(alice.merchant, scopes=SALES), rows()
    of_the_books = [
        door for door in DOORS if door.route.startswith(("api/v1/ledger", "api/v1/journal", "api/v1/periods"))
    ]
    assert len(of_the_books) > 10
    for door in of_the_books:
        for method in door.methods:
            answer = program.send(method, door.path(ids), {}, headers={"idempotency-key": f"{method} {door.name}"})
            assert (answer.status_code, code(answer)) == (403, "scope_missing"), (method, door)
    assert code(program.post("/rates", {})) == "scope_missing"
    assert code(program.post(f"/invoices/{ids['invoice_id']}/mark", {})) == "scope_missing"
    assert rows() == before


def test_no_program_approves_what_anybody_created(alice: Caller, order: dict[str, Any]) -> None:
    """What waits for a second person is no entry yet: no verb of the API reaches it, by whatever name."""
    alice.post("/invoices", {**order, "customer_ref": "bob"})
    pay(alice)
    alice.book.second_person_above = 0
    alice.book.save()
    custody = Account.objects.get(book=alice.book, code__startswith="assets:custody:")
    legs = [Leg(chart.find(alice.book.pk, "equity:opening", custody.asset), debit=5), Leg(custody, credit=5)]
    said = {"description": "To a supplier", "reason": "Invoice 17", "by": "tests"}  # as the key is called
    asked = manual.enter(alice.book, legs, effective_at=timezone.now() - timedelta(hours=1), **said)
    assert isinstance(asked, Proposal)
    held, before = balances.balance(custody), rows()
    for verb in ("", "/settle", "/void", "/reverse", "/approve"):
        for name in (f"je_{asked.pk + 10**6}", f"pro_{asked.pk}", str(asked.pk)):
            answer = alice.post(f"/ledger/entries/{name}{verb}", {"reason": "x"})
            assert answer.status_code in (404, 405), (verb, name, answer.content)
    decisive = [door.route for door in DOORS if any(word in door.route for word in ("propos", "approv", "decid"))]
    assert decisive == []
    assert (balances.balance(custody), rows()) == (held, before)
    assert list(proposals.waiting(Proposal.objects.filter(book=alice.book))) == [asked]


def test_a_program_that_audits_changes_nothing(alice: Caller, ids: dict[str, str]) -> None:
    """Every door that does anything, with every scope that reads."""
    program, before, tried = Caller(alice.merchant, scopes=READING), rows(), 0
    for door in DOORS:
        for method in door.methods:
            if method == "GET" or door.name in (*OPEN_TO_ALL, *ITS_OWN):
                continue
            headers = {"idempotency-key": f"{method} {door.name}"}
            answer = program.send(method, door.path(ids), {}, headers=headers)
            assert (answer.status_code, code(answer)) == (403, "scope_missing"), (method, door)
            tried += 1
    assert tried > 20
    assert rows() == before
