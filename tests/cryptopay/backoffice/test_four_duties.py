"""The four lines between duties, each by its name: who keeps the books does not pay, who sells does not post, who
creates does not approve, who audits changes nothing.

Here in the back office; by API in `tests/cryptopay/api/test_duties.py`.
"""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cryptopay.merchants.models import User
from ledger import balances, chart
from ledger.models import Account, Decision, JournalEntry, Proposal
from ledger.readonly import url_of

from .conftest import XPUBS, Shop, registered, rows_of
from .test_doors import DOORS, OF_A_ROW, OF_NOTHING, everything_of

SignIn = Callable[[User], Client]
ENTER = "admin:ledger_journalentry_enter_page"


@pytest.fixture
def bob(shops: dict[str, Shop]) -> Shop:
    """Whatever is written by hand takes two people there."""
    shop = shops["Bob"]
    shop.book.second_person_above = 0
    shop.book.save()
    return shop


def custody_of(shop: Shop) -> Account:
    return Account.objects.get(book=shop.book, code__startswith="assets:custody:")


def entry(shop: Shop, debit: str, credit: str, **more: Any) -> dict[str, Any]:
    """A form of the page where entries are written by hand."""
    return {
        "book": shop.book.pk,
        "day": timezone.now().date().isoformat(),
        "description": "To a supplier",
        "reason": "Invoice 17",
        "token": "pay",
        "account": [debit, credit],
        "debit": ["0.00001", ""],
        "credit": ["", "0.00001"],
        "enter": "",
        **more,
    }


def test_an_accountant_cannot_pay_in_the_back_office(bob: Shop, signed_in: SignIn) -> None:
    """Coins leave the books by two people alone, and where they arrive no accountant says."""
    custody, client = custody_of(bob), signed_in(bob.members["accountant"])
    chart.find(bob.book.pk, "equity:opening", custody.asset)
    held = balances.balance(custody).posted
    client.post(reverse(ENTER), entry(bob, "equity:opening BTC", f"{custody.code} BTC"))
    paying = Proposal.objects.latest("pk")
    assert (paying.contents["description"], balances.balance(custody).posted) == ("To a supplier", held)
    decide = reverse("admin:ledger_proposal_decide", args=[paying.pk])
    client.post(decide, {"approve": ""})
    assert balances.balance(custody).posted == held
    key = {"book": bob.book.pk, "chain": "litecoin-regtest", "label": "Mine", "form": "", "credential": XPUBS["Alice"]}
    before = everything_of(bob)
    for page, args, form in (
        ("keys_masterkey_add", [], key),
        ("ledger_book_change", [bob.book.pk], {"second_person_above": "1000000"}),
        ("merchants_apikey_add", [], {"merchant": bob.merchant.pk, "label": "x", "scopes": ["ledger:write"]}),
        ("webhooks_endpoint_add", [], {"book": bob.book.pk, "url": "https://mine.example/", "event_types": ""}),
    ):
        assert client.post(reverse(f"admin:{page}", args=args), form).status_code == 403, page
    assert everything_of(bob) == before
    signed_in(bob.members["approver"]).post(decide, {"approve": ""})
    assert balances.balance(custody).posted == held - 1000


def test_a_cashier_cannot_post_in_the_back_office(bob: Shop, signed_in: SignIn) -> None:
    client, custody, before = signed_in(bob.members["cashier"]), custody_of(bob), everything_of(bob)
    written = JournalEntry.objects.filter(book=bob.book, kind=JournalEntry.Kind.SETTLE).get()
    reason = {"reason": "Wrong", "token": "t"}
    price = {"asset": custody.asset_id, "price": "9", **reason}
    file = {"book": bob.book.pk, "kind": "entries", "name": "a.csv", "content": "", "confirm": ""}
    for address, form in (
        (reverse(ENTER), entry(bob, f"{custody.code} BTC", "equity:opening BTC")),
        (reverse("admin:ledger_journalentry_reverse_page", args=[written.pk]), reason),
        (reverse("admin:ledger_journalentry_price_page", args=[written.pk]), price),
        (reverse("admin:ledger_account_open_page"), {"book": bob.book.pk, "code": "income:tips", **reason}),
        (reverse("admin:ledger_rate_set_page"), {"whose": bob.book.pk, "asset": "BTC", "price": "1", **reason}),
        (reverse("admin:import"), file),
        (reverse("admin:closing"), {"book": bob.book.pk, "looked": "on", **reason}),
        (reverse("admin:ledger_periodchange_ask_page"), {"book": bob.book.pk, "through": "", **reason}),
    ):
        assert client.post(address, form).status_code == 403, address
        assert client.get(address).status_code == 403, address
    assert everything_of(bob) == before


@pytest.mark.parametrize("role", ["accountant", "owner"])
def test_who_creates_an_entry_cannot_approve_it_in_the_back_office(bob: Shop, signed_in: SignIn, role: str) -> None:
    client, custody = signed_in(bob.members[role]), custody_of(bob)
    client.post(reverse(ENTER), entry(bob, f"{custody.code} BTC", "equity:opening BTC"))
    created = Proposal.objects.latest("pk")
    assert created.asked_by == bob.members[role].username
    held = balances.balance(custody).posted
    answer = client.post(reverse("admin:ledger_proposal_decide", args=[created.pk]), {"approve": ""})
    *_, refused = (str(said).lower() for said in get_messages(answer.wsgi_request))
    assert "who asks" in refused
    assert not Decision.objects.filter(proposal=created).exists()
    assert balances.balance(custody).posted == held


def test_an_auditor_changes_nothing_in_the_back_office(bob: Shop, signed_in: SignIn) -> None:
    """Every address there is, with a form sent to it; those of a row with each kind of row."""
    client, before = signed_in(bob.members["auditor"]), everything_of(bob)
    asked = {"book": bob.book.pk, "reason": "Looked", "token": "t", "approve": "", "confirm": "", "looked": "on"}
    addresses = [reverse(f"admin:{name}") for name in OF_NOTHING]
    for model in registered():
        rows = rows_of(model, bob)[:1]
        addresses.append(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add"))
        addresses += [url_of(row, page) for row in rows for page in ("change", "delete")]
        kind = [model._meta.app_label, model._meta.model_name]
        doors = [name for name, where in OF_A_ROW.items() if where == kind]
        addresses += [reverse(f"admin:{name}", args=[row.pk]) for row in rows for name in doors]
    assert len(addresses) > len(DOORS) // 2
    for address in addresses:
        answer = client.post(address, asked)
        assert answer.status_code < 500, address
    assert everything_of(bob) == before
