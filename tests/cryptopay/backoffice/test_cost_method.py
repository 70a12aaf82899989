"""How the cost of what leaves is counted: chosen on the book's page, from a day on, with a reason that is kept."""

from collections.abc import Callable
from datetime import date

from django.test import Client
from django.urls import reverse

from cryptopay.merchants.models import User
from ledger.models import CostMethod
from tests.closing import change

from .conftest import Shop

SignIn = Callable[[User], Client]
ASKED = {"method": "average", "from_day": "2026-02-01", "reason": "Agreed with the tax office", "token": "t"}


def _page(shop: Shop) -> str:
    return reverse("admin:ledger_book_method_page", args=[shop.book.pk])


def _words(client: Client, address: str) -> str:
    return " ".join(client.get(address).content.decode().split())


def test_an_accountant_chooses_and_it_is_kept(shops: dict[str, Shop], signed_in: SignIn) -> None:
    bob = shops["Bob"]
    client = signed_in(bob.members["accountant"])
    assert "Nobody has chosen: first in, first out." in _words(client, _page(bob))
    assert _page(bob) in _words(client, reverse("admin:ledger_book_change", args=[bob.book.pk]))
    assert client.post(_page(bob), ASKED).status_code == 302
    (row,) = CostMethod.objects.all()
    assert (row.book, row.method, row.from_day) == (bob.book, "average", date(2026, 2, 1))
    assert (row.reason, row.by) == (ASKED["reason"], bob.members["accountant"].username)
    told = _words(client, _page(bob))
    assert "Weighted average, today" in told
    assert ASKED["reason"] in told
    changes = _words(client, reverse("admin:changes"))
    assert "Weighted average from 01 Feb 2026" in changes
    assert bob.members["accountant"].username in changes


def test_a_closed_period_keeps_its_method(shops: dict[str, Shop], signed_in: SignIn) -> None:
    bob = shops["Bob"]
    change(bob.book.pk, date(2026, 1, 31))
    client = signed_in(bob.members["accountant"])
    answer = client.post(_page(bob), ASKED | {"from_day": "2026-01-31"})
    assert "closed on that date" in answer.content.decode()
    for wrong in ({"from_day": "2026-02-30"}, {"method": "lifo"}, {"reason": "  "}):
        assert client.post(_page(bob), ASKED | wrong).status_code == 200
    assert not CostMethod.objects.exists()


def test_an_auditor_sees_it_and_changes_nothing(shops: dict[str, Shop], signed_in: SignIn) -> None:
    bob = shops["Bob"]
    client = signed_in(bob.members["auditor"])
    assert "Count cost by this method" not in _words(client, _page(bob))
    assert client.post(_page(bob), ASKED).status_code == 403
    assert signed_in(bob.members["cashier"]).get(_page(bob)).status_code in (302, 403)
