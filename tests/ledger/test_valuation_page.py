"""The worked example of docs/valuation.md, entered from its table and found in the books as it says."""

from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings

from ledger import chart, journal, lots, revaluation
from ledger.carrying import carried
from ledger.currencies import money_of
from ledger.journal import Entry, Leg
from ledger.models import Account, Asset, Book, JournalEntry, Posting, Rate
from ledger.money import parse, to_text

pytestmark = pytest.mark.django_db
END = date(2025, 1, 31)


def _tables() -> list[list[list[str]]]:
    page = (Path(settings.BASE_DIR) / "docs" / "valuation.md").read_text()
    example = page.partition("## A worked example")[2]
    tables: list[list[list[str]]] = []
    for line in example.splitlines():
        if not line.startswith("|"):
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0].startswith(("Day", "Balance sheet")):
            tables.append([])
        elif not cells[0].startswith("---"):
            tables[-1].append(cells)
    return tables


def _account(book: Book, code: str, asset: Asset) -> Account:
    if code.startswith("assets:custody"):
        return chart.custody(book.pk, asset)
    if code.startswith(chart.CUSTOMERS):
        return chart.customer(book.pk, code.removeprefix(chart.CUSTOMERS), asset)
    return chart.add_account(book.pk, code, code, asset)


def _enter(book: Book, coin: Asset, row: list[str]) -> None:
    number, what, debit, credit, amount, price, _ = row
    at = datetime(2025, 1, int(number), 12, tzinfo=UTC)
    rate = None
    if price:
        rate = Rate.objects.create(
            asset_code="BTC", currency="EUR", price=Decimal(price), source="The page", observed_at=at
        )
    if not debit:
        return
    text, _, code = amount.partition(" ")
    asset = coin if code == "BTC" else money_of(book)
    units = parse(text, asset).base_units
    journal.post(
        Entry(
            book_id=book.pk,
            idem=what,
            legs=[Leg(_account(book, debit, asset), debit=units), Leg(_account(book, credit, asset), credit=units)],
            effective_at=at,
            description=what,
            source="test",
            rate_id=rate.pk if rate else None,
        )
    )


def test_the_worked_example_is_what_the_books_say() -> None:
    entries, sheet = _tables()
    book, coin = Book.objects.create(name="Alice", currency="EUR"), chart.asset("BTC", "bitcoin-regtest", 8)
    for row in entries:
        _enter(book, coin, row)
    assert lots.up_to_date(book, END)
    revaluation.revalue(book, END, by="ann")
    posted = Counter[tuple[str, str]]()
    gains = Posting.objects.filter(
        book=book,
        account__code__startswith="income:",
        entry__source__in=["valuation", "revaluation"],
        entry__kind=JournalEntry.Kind.POST,
    )
    for leg in gains.select_related("account", "entry"):
        posted[str(leg.entry.effective_at.day), leg.account.code] += leg.credit - leg.debit
    said = {(row[0], because.partition(" ")[2]): because.partition(" ")[0] for row in entries if (because := row[-1])}
    assert {key: to_text(cents, 2) for key, cents in posted.items()} == said
    stand = Counter[str]()
    for one in carried(book, END):
        stand[one.account.code if one.account else "not yet posted"] += one.minor_units
    assert {code: to_text(cents, 2) for code, cents in stand.items() if cents} == {row[0]: row[1] for row in sheet}
    assert sum(Decimal(row[1]) for row in sheet) == 0
