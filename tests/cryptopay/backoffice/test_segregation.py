"""Who may do what, as docs/merchant.md has it: every right of every role is tried, in the back office, with a program's
key and in SQL."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse

from cryptopay.merchants import api_keys
from cryptopay.merchants.errors import ScopeExceeded
from cryptopay.merchants.models import ApiKey, Membership, User
from cryptopay.merchants.permissions import GRANTS, SCOPES_OF_MONEY, permissions_of
from cryptopay.payments.lifecycle import NewInvoice, open_invoice
from cryptopay.payments.models import Invoice, Terms
from cryptopay.webhooks.models import Delivery
from ledger import proposals
from ledger.errors import SecondPersonNeeded
from ledger.models import CostMethod, Decision, Proposal
from tests.database import as_web

from .conftest import CHAIN, XPUBS, Shop, proposed
from .test_doors import everything_of

SignIn = Callable[[User], Client]
Role = Membership.Role
DOCS: Path = settings.BASE_DIR / "docs" / "merchant.md"

RIGHTS = {
    "Reads invoices, payments and customers": "payments.view_invoice",
    "Reads journal, accounts and reports": "ledger.view_journalentry",
    "Opens invoices": "payments.add_invoice",
    "Cancels unpaid invoices": "payments.cancel_invoice",
    "Marks invoices settled or invalid": "payments.mark_invoice",
    "Asks for entries by hand, reversals, closed periods": "ledger.add_proposal",
    "Decides what another person asked": "ledger.add_decision",
    "Sets rates by hand": "ledger.add_rate",
    "Chooses how cost is counted": "ledger.add_costmethod",
    "Says above what amount two people are needed": "ledger.change_book",
    "Sets the terms of invoices": "payments.change_terms",
    "Imports public keys": "keys.add_masterkey",
    "Makes API keys": "merchants.add_apikey",
    "Gives API keys that write into the books": "both",
    "Adds endpoints": "webhooks.add_endpoint",
    "Sends webhooks again": "webhooks.change_delivery",
    "Invites and removes people": "merchants.add_membership",
    "Names who decides over money": "owner",
}
"""As the page says it, and the permission it takes."""
_SAME_DOOR = {
    *("payments.add_terms", "keys.change_masterkey", "keys.export_masterkey", "merchants.change_apikey"),
    *("webhooks.change_endpoint", "merchants.change_merchant", "merchants.add_customer"),
    *("merchants.change_membership", "merchants.delete_membership"),
}
"""Rights that always come with one of those."""


def _has(role: str, right: str) -> bool:
    held = permissions_of([role])
    if right == "both":
        return "merchants.add_apikey" in held and all(name in held for name in SCOPES_OF_MONEY.values())
    return role == Role.OWNER if right == "owner" else right in held


def table() -> str:
    """What docs/merchant.md must show."""
    lines = [
        f"| | {' | '.join(str(Role(role).label).partition(':')[0] for role in Role.values)} |",
        f"|---|{'---|' * len(Role.values)}",
    ]
    for words, right in RIGHTS.items():
        lines.append(f"| {words} | {' | '.join('yes' if _has(role, right) else '' for role in Role.values)} |")
    return "\n".join(lines)


def test_the_page_says_who_may_do_what() -> None:
    assert table() in DOCS.read_text(), f"docs/merchant.md should show:\n{table()}"
    writing = {name for role in GRANTS for name in permissions_of([role]) if ".view_" not in name}
    known = {*RIGHTS.values(), *_SAME_DOOR}
    granted = {name for name in writing if name in _granted_singly()}
    assert granted <= known, "a right that the page does not tell of"


def _granted_singly() -> set[str]:
    """Permissions that some role has by its own patterns; the owner's are their sum."""
    return {name for role in GRANTS if role != Role.OWNER for name in permissions_of([role]) if ".view_" not in name}


def _tries(shop: Shop) -> dict[str, tuple[str, dict[str, Any]]]:
    """By the right it takes: what the back office is asked, in a form that is right for whoever may."""
    book = shop.book.pk
    invoice = open_invoice(shop.book, NewInvoice(amount="12.00", currency="EUR", methods=("BTC",))).invoice
    delivery = Delivery.objects.filter(book=book).earliest("pk")
    Delivery.objects.filter(pk=delivery.pk).update(state=Delivery.State.FAILED)
    proposal = proposed(shop, by="somebody else")
    custody, capital = f"assets:custody:{CHAIN.code} BTC", "equity:opening BTC"
    entry = {
        "book": book,
        "day": "2026-01-02",
        "description": "Count",
        "reason": "Counted",
        "token": "t",
        "enter": "",
        "account": [custody, capital],
        "debit": ["0.00001", ""],
        "credit": ["", "0.00001"],
    }
    rate = {
        "whose": book,
        "asset": "BTC",
        "currency": "EUR",
        "price": "60002",
        "holds": "900",
        "confirmed": "on",
        "reason": "Feeds lag",
        "token": "t",
    }
    key = {"merchant": shop.merchant.pk, "label": "till", "scopes": ["invoices:read"], "expires_at_0": ""}
    terms = Terms.objects.get(book=book).pk
    public_key = {"book": book, "chain": "litecoin-regtest", "label": "LTC", "form": "", "credential": XPUBS["Bob"]}
    invited = {"email": "new@shop.example", "role": "administrator"}
    return {
        "payments.cancel_invoice": (_page("payments_invoice_cancel_page", invoice.pk), {"reason": "Sold out"}),
        "payments.mark_invoice": (
            _page("payments_invoice_mark_page", invoice.pk),
            {"status": "settled", "reason": "Paid in cash"},
        ),
        "ledger.add_proposal": (_page("ledger_journalentry_enter_page"), entry),
        "ledger.add_decision": (_page("ledger_proposal_decide", proposal.pk), {"refuse": "", "reason": "Looked at it"}),
        "ledger.add_rate": (_page("ledger_rate_set_page"), rate),
        "ledger.add_costmethod": (
            _page("ledger_book_method_page", book),
            {"method": "average", "from_day": "2026-01-01", "reason": "Agreed", "token": "t"},
        ),
        "ledger.change_book": (_page("ledger_book_change", book), {"second_person_above": "5.00"}),
        "payments.change_terms": (
            _page("payments_terms_change", terms),
            {"spread": "0.015", "tolerance": "0.005", "expires_in_seconds": "5400"},
        ),
        "keys.add_masterkey": (_page("keys_masterkey_add"), public_key),
        "merchants.add_apikey": (_page("merchants_apikey_add"), key),
        "both": (_page("merchants_apikey_add"), {**key, "scopes": ["ledger:write", "invoices:mark", "rates:write"]}),
        "webhooks.add_endpoint": (
            _page("webhooks_endpoint_add"),
            {"book": book, "url": "https://new.example/hook", "event_types": ""},
        ),
        "webhooks.change_delivery": (
            _page("webhooks_delivery_changelist"),
            {"action": "send_again", "_selected_action": [delivery.pk]},
        ),
        "merchants.add_membership": (reverse("people_team_of", args=[shop.merchant.pk]), invited),
        "owner": (reverse("people_team_of", args=[shop.merchant.pk]), {**invited, "role": "approver"}),
    }


def _page(name: str, *args: object) -> str:
    return reverse(f"admin:{name}", args=args)


@pytest.mark.parametrize("role", Role.values)
def test_each_role_does_in_the_back_office_what_the_page_says_and_nothing_else(
    shops: dict[str, Shop], signed_in: SignIn, role: str
) -> None:
    bob = shops["Bob"]
    tries = _tries(bob)
    assert set(RIGHTS.values()) - set(tries) == {
        "payments.view_invoice",
        "ledger.view_journalentry",
        "payments.add_invoice",
    }
    client = signed_in(bob.members[role])
    for right, (address, form) in tries.items():
        before = _rows(bob)
        with transaction.atomic():
            answer = client.post(address, form)
            did = _rows(bob) != before
            transaction.set_rollback(True)
        assert did == _has(role, right), f"{role} {right}: {answer.status_code} {answer.content[:2000].decode()}"


def _rows(shop: Shop) -> str:
    """Everything of the merchant's, with what has no page of its own; but that a key was used."""
    everything = everything_of(shop)
    for key in everything["merchants.ApiKey"]:
        key.pop("last_used_at")
    invited = list(shop.merchant.invitations.order_by("pk").values("email", "role"))
    decided = list(Decision.objects.filter(book=shop.book).order_by("pk").values())
    methods = list(CostMethod.objects.filter(book=shop.book).values())
    return json.dumps([everything, invited, decided, methods], default=str)


def test_nobody_makes_a_key_that_may_more_than_they_do(shops: dict[str, Shop]) -> None:
    """Threat: who keeps the keys has a program write what they may not. Refused by the program, and by the database."""
    bob = shops["Bob"]
    for role in ("administrator", "accountant", "owner"):
        person = bob.members[role]
        for scope in SCOPES_OF_MONEY:
            row = {"merchant": bob.merchant, "book": bob.book, "label": "x", "live": False, "scopes": [scope]}
            if role == "administrator":
                with pytest.raises(ScopeExceeded):
                    api_keys.create(bob.merchant, "x", live=False, scopes=[scope], made_by=person)
                with pytest.raises(DatabaseError, match="makes no key that does"), transaction.atomic():
                    ApiKey.objects.create(**row, secret_hash=scope.encode(), made_by=person)
            else:
                api_keys.create(bob.merchant, "x", live=False, scopes=[scope], made_by=person)
    with pytest.raises(ScopeExceeded):  # by rights held elsewhere
        api_keys.create(shops["Alice"].merchant, "x", live=False, scopes=["ledger:write"], made_by=bob.members["owner"])


def test_a_program_with_a_cashiers_or_auditors_scopes_writes_nothing_into_the_books(shops: dict[str, Shop]) -> None:
    bob = shops["Bob"]
    invoice = Invoice.objects.filter(book=bob.book).earliest("pk").public_id
    of_the_books = ["/ledger/entries", "/ledger/accounts", "/rates", f"/invoices/{invoice}/mark"]
    others = ["/api-keys", "/webhook-endpoints"]
    reading = [scope for scope in ApiKey.Scope.values if scope.endswith(":read")]
    for scopes, refused in (
        (["invoices:read", "invoices:write"], [*of_the_books, *others]),
        (reading, [*of_the_books, *others, "/invoices", "/addresses", "/customers"]),
    ):
        maker = bob.members["administrator"]
        _, secret = api_keys.create(bob.merchant, "till", live=False, scopes=scopes, made_by=maker)
        client, before = Client(headers={"authorization": f"Bearer {secret}", "idempotency-key": "k"}), _rows(bob)
        for path in refused:
            answer = client.post(f"/api/v1{path}", "{}", content_type="application/json")
            assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing"), path
        assert _rows(bob) == before


def test_the_database_itself_refuses_what_no_role_may(shops: dict[str, Shop]) -> None:
    """As the web process signs in: no entry but by the verbs, nothing edited, and who asks does not decide."""
    bob = shops["Bob"]
    proposal = Proposal.objects.get(book=bob.book, kind="entry")
    with pytest.raises(SecondPersonNeeded):
        proposals.approve(proposal, by=f" {proposal.asked_by.upper()} ")
    said = {"verdict": "approved", "decided_by": proposal.asked_by.upper()}
    with pytest.raises(DatabaseError, match="who asks does not decide"), transaction.atomic():
        Decision.objects.create(book=bob.book, proposal=proposal, **said)
    for statement in (
        "INSERT INTO ledger_posting (book_id) VALUES (%(book)s)",
        "INSERT INTO ledger_journalentry (book_id) VALUES (%(book)s)",
        "UPDATE ledger_journalentry SET description = 'x' WHERE book_id = %(book)s",
        "UPDATE ledger_balance SET posted = 0 WHERE book_id = %(book)s",
        "DELETE FROM ledger_decision WHERE book_id = %(book)s",
        "UPDATE ledger_periodchange SET closed_through = NULL WHERE book_id = %(book)s",
    ):
        with as_web(), pytest.raises(DatabaseError, match="permission denied"):
            _said_in_sql(bob.book.pk, statement)


def _said_in_sql(book: int, statement: str) -> None:
    with transaction.atomic(), connection.cursor() as sql:
        sql.execute(f"SET LOCAL app.book = '{book}'")
        sql.execute(statement, {"book": book})
