"""Legs and accounts as people type them: read exactly, or refused in words beside the line."""

import pytest
from django.http import QueryDict

from ledger import chart
from ledger.admin import legs, naming
from ledger.models import Account, Asset

from .conftest import Shop

pytestmark = pytest.mark.django_db


def _typed(*rows: tuple[str, str, str]) -> list[legs.TypedLeg]:
    sent = QueryDict(mutable=True)
    for name, column in zip(("account", "debit", "credit"), zip(*rows, strict=True), strict=True):
        sent.setlist(name, list(column))
    return legs.typed(sent)


def test_legs_are_read_exactly(shop: Shop) -> None:
    rows = _typed(
        ("assets:custody:btc-chain BTC", "0.10000000", ""),
        ("liabilities:customers:bob BTC", "", " 0.1 "),
        ("", "", ""),
    )
    read = legs.read(shop.book.pk, rows)
    assert [(leg.account, leg.debit, leg.credit) for leg in read] == [
        (shop.custody, 10_000_000, 0),
        (shop.customer, 0, 10_000_000),
    ]
    assert [(side.debit, side.credit, side.difference) for side in legs.sides(read).values()] == [
        (10_000_000, 10_000_000, 0)
    ]
    assert len(rows) == legs.ROWS


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (("income:nothing BTC", "1", ""), "No such account"),
        (("income:sales LTC", "1", ""), "No such account"),
        (("income:sales", "1", ""), "No such account"),
        (("", "1", ""), "No such account"),
        (("income:sales BTC", "", ""), "One amount"),
        (("income:sales BTC", "1", "1"), "One amount"),
        (("income:sales BTC", "0", ""), "One amount"),
        (("income:sales BTC", "1,000.00", ""), "digits and one point"),
        (("income:sales BTC", "-1", ""), "digits and one point"),
        (("income:sales BTC", "1e3", ""), "digits and one point"),
        (("income:sales BTC", "٣", ""), "digits and one point"),
        (("income:sales BTC", "0.000000001", ""), "8 decimals"),
        (("income:sales BTC", "", "9" * 80), "cannot be stored"),
    ],
)
def test_what_cannot_be_read_is_refused_beside_its_line(shop: Shop, row: tuple[str, str, str], complaint: str) -> None:
    rows = _typed(row)
    assert legs.read(shop.book.pk, rows) == []
    assert complaint in " ".join(rows[0].errors)


def test_anothers_account_is_no_account(shop: Shop, open_shop: object) -> None:
    other = open_shop("Bob", "LTC")  # type: ignore[operator]
    rows = _typed(("income:sales LTC", "1", ""))
    assert legs.read(shop.book.pk, rows) == []
    assert legs.read(other.book.pk, _typed(("income:sales LTC", "1", ""))) != []


def test_names_are_short_and_no_two_alike(shop: Shop) -> None:
    twin = Asset.objects.create(code="BTC", chain="side-chain", decimals=8)
    fake = Asset.objects.create(code="BTC", chain="side-chain", contract="0xbad", decimals=8)
    names = naming.asset_names([shop.coin, twin, fake])
    assert names == {
        shop.coin.pk: "BTC@btc-chain",
        twin.pk: "BTC@side-chain#",
        fake.pk: "BTC@side-chain#0xbad",
    }
    assert naming.asset_names([shop.coin]) == {shop.coin.pk: "BTC"}


def test_every_name_that_is_offered_finds_its_account(shop: Shop) -> None:
    twin = Asset.objects.create(code="BTC", chain="side-chain", decimals=8)
    for asset in (shop.coin, twin):
        for reference in ("a b", "a  b", "Ünï: cödé", "x ", "BTC"):
            chart.customer(shop.book.pk, reference, asset)
    accounts = list(Account.objects.filter(book=shop.book).select_related("asset"))
    names = naming.names_of(accounts)
    assert len(set(names)) == len(names)
    assert naming.find(shop.book.pk, names) == dict(zip(names, accounts, strict=True))
