"""A small year: the whole one, of 100,000 payments, is `make torture TRIALS=year`."""

from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from cryptopay.devnet.year import market, seeding
from cryptopay.devnet.year.seeding import Year
from cryptopay.merchants.models import User
from cryptopay.payments.models import Invoice
from ledger import chart, lots, revaluation
from ledger.carrying import carried
from ledger.models import Account, Book, JournalEntry, Movement, PostedGain
from tests import year_forms, year_oracle
from tests.reports.plaintext.tools import bean_check

pytestmark = pytest.mark.django_db

PAYMENTS, DAYS = 150, 42


def test_a_small_year(tmp_path: Path) -> None:
    """Written and counted once, and looked at from every side."""
    book = Book.objects.create(name="A year's shop", currency="EUR")
    list(Year(book, 2025, PAYMENTS, seed=3, days=DAYS).write())
    lots.derive(book)
    assert Invoice.objects.filter(book=book).count() == PAYMENTS
    _balances(book)
    export = tmp_path / "books.beancount"
    call_command("export_journal", book=book.pk, format="beancount", output=export)
    bean_check(export)
    verdict = year_oracle.ask_beancount(book, export)
    assert len(verdict.costs) > 30
    assert year_oracle.differences(book, verdict) == []
    _says_the_same_in_every_form(book, tmp_path)
    _notices_a_wrong_cost(book, verdict)


def _says_the_same_in_every_form(book: Book, folder: Path) -> None:
    """Every report there is, and what a bank would send."""
    reader = Client()
    reader.force_login(User.objects.create_superuser("root"))
    said = {"from": "2025-01-01", "to": "2025-02-28", "until": "2025-02-10", "year": "2025"}
    said |= {"account": "assets:custody:bitcoin-regtest BTC", "customer": _customer(book)}
    assert year_forms.differences(book, said, folder, reader) == []
    assert year_forms.ofx_differences(book, said) == []


def _customer(book: Book) -> str:
    busiest = Account.objects.filter(book=book, code__startswith=chart.CUSTOMERS, postings__isnull=False)
    return busiest.earliest("pk").code.removeprefix(chart.CUSTOMERS)


def _balances(book: Book) -> None:
    """In the book's currency, at every month's end, before and after revaluation."""
    end = date(2025, 1, 31)
    for day in (end, date(2025, 2, 10)):
        stand = carried(book, day)
        assert len(stand) > 12
        assert sum(one.minor_units for one in stand) == 0
        assert [one for one in stand if one.account is None] == [], "every gain is posted"
    assert len(revaluation.revalue(book, end, by="ann")) >= 6
    assert sum(one.minor_units for one in carried(book, end) if one.account is not None) == 0


def _notices_a_wrong_cost(book: Book, verdict: year_oracle.Verdict) -> None:
    sale = PostedGain.objects.filter(book=book, held=True).first()
    assert sale is not None
    Movement.objects.filter(book=book, account=None, entry=sale.movement_id).update(cost=-sale.gain)
    assert year_oracle.differences(book, verdict)


def test_the_same_seed_is_the_same_year() -> None:
    told = []
    for name in ("One", "Twin"):
        book = Book.objects.create(name=name, currency="EUR")
        list(Year(book, 2025, 40, seed=3, days=2).write())
        entries = JournalEntry.objects.filter(book=book).order_by("effective_at", "pk")
        told.append(list(entries.values_list("idem", "effective_at", "description")))
    assert told[0] == told[1]
    assert len(told[0]) > 100


def test_it_is_for_development_and_for_empty_books(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    book = Book.objects.create(name="A year's shop", currency="EUR")
    monkeypatch.setattr(seeding, "days_of", lambda year: [date(year, 1, 1), date(year, 1, 2)])
    monkeypatch.setattr(market, "days_of", seeding.days_of)
    out = StringIO()
    call_command("seed_year", book=book.pk, payments=9, stdout=out)
    assert "A year with 9 payments" in out.getvalue()
    with pytest.raises(CommandError, match="book_not_empty"):
        call_command("seed_year", book=book.pk, payments=9)
    with pytest.raises(CommandError, match="no test book"):
        call_command("seed_year", book=0)
    settings.DEVELOPMENT = False
    with pytest.raises(CommandError, match="development"):
        call_command("seed_year", book=book.pk, payments=9)
