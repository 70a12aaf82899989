"""A book to export, written with the journal's own verbs, and its balances as our postings have them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from pathlib import Path

import pytest
from django.db.models import F, Sum

from ledger import chart, journal, lots
from ledger.journal import Entry, Leg, Resolution
from ledger.models import Account, Asset, Book, Posting, Rate
from reports.plaintext.formats import FORMATS
from reports.plaintext.journal import read
from reports.plaintext.names import account_name
from tests.reports.plaintext.tools import TOOLS, Balances, Tool

DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)

Legs = list[tuple[Account, int]]
"""Debits positive, credits negative."""


@dataclass
class Shop:
    """A book, the journal's verbs on it in few words, and what is exported of it."""

    book: Book
    folder: Path
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    def account(self, code: str, asset: Asset, kind: str) -> Account:
        """With any code: what the chart refuses today may stand in older books."""
        account, _ = Account.objects.get_or_create(
            book=self.book, code=code, asset=asset, defaults={"name": f"Name of {code}"[:200], "kind": kind}
        )
        return account

    def customer(self, reference: str, asset: Asset) -> Account:
        return self.account(f"{chart.CUSTOMERS}{reference}", asset, "L")

    def entry(
        self, legs: list[tuple[Account, int]], days: int = 0, description: str = "A sale", **more: object
    ) -> Entry:
        values: dict[str, object] = {
            "book_id": self.book.pk,
            "idem": f"entry {next(self._numbers)}",
            "legs": [Leg(account, debit=max(units, 0), credit=max(-units, 0)) for account, units in legs],
            "effective_at": DAY + timedelta(days=days),
            "description": description,
            "source": "test",
            **more,
        }
        return Entry(**values)  # type: ignore[arg-type]

    def post(self, legs: Legs, **more: object) -> int:
        return journal.post(self.entry(legs, **more))  # type: ignore[arg-type]

    def of(self, entry: int, days: int = 0, description: str = "A resolution", **more: object) -> Resolution:
        values: dict[str, object] = {
            "book_id": self.book.pk,
            "entry": entry,
            "idem": f"resolution {next(self._numbers)}",
            "effective_at": DAY + timedelta(days=days),
            "description": description,
            "source": "test",
            **more,
        }
        return Resolution(**values)  # type: ignore[arg-type]

    def rate(self, code: str = "BTC") -> Rate:
        return Rate.objects.create(
            asset_code=code, currency="EUR", price="60123.456789", source="a; source", observed_at=DAY
        )

    def export(self, format: str, until: date | None = None) -> Path:  # noqa: A002
        lots.derive(self.book)
        path = self.folder / f"{self.book.pk}-{until}.{format}"
        with read(self.book, until) as export, path.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in FORMATS[format](export))
        return path

    def decimals(self) -> dict[str, int]:
        """By the commodity's name."""
        with read(self.book) as export:
            return {commodity.name: commodity.decimals for commodity in export.commodities}

    def commodities(self) -> dict[tuple[str, str], str]:
        """Their names by (chain, contract)."""
        with read(self.book) as export:
            return {(one.chain, one.contract): one.name for one in export.commodities}

    def balances(self, tool: Tool, before: date | None = None) -> Balances:
        """The sums of our postings, under the tool's names."""
        names = self.commodities()
        posted = Posting.objects.filter(book=self.book, layer=Posting.Layer.POSTED)
        if before is not None:
            posted = posted.filter(effective_at__lt=datetime.combine(before, time(), UTC))
        sums = (
            posted.values("account__kind", "account__code", "asset__chain", "asset__contract")
            .annotate(units=Sum(F("debit") - F("credit")))
            .values_list("account__kind", "account__code", "asset__chain", "asset__contract", "units")
        )
        return {
            (account_name(kind, code, tool.punctuation), names[chain, contract]): int(units)
            for kind, code, chain, contract, units in sums
            if units
        }


@pytest.fixture
def open_shop(db: None, tmp_path: Path) -> Callable[..., Shop]:
    return lambda name="Shop": Shop(Book.objects.create(name=name), tmp_path)


@pytest.fixture
def shop(open_shop: Callable[..., Shop]) -> Shop:
    return open_shop()


@pytest.fixture(params=[tool.format for tool in TOOLS])
def tool(request: pytest.FixtureRequest) -> Tool:
    return next(tool for tool in TOOLS if tool.format == request.param)
