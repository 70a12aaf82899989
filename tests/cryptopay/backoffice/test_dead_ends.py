"""What a reader asks next is one click away: what a gain follows from, what a customer is owed, what was booked."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from cryptopay.backoffice.worths import tell
from cryptopay.merchants.models import Customer, User
from cryptopay.payments.models import Invoice
from ledger import chart, journal, lots, pricing, revaluation
from ledger.currencies import money_of
from ledger.journal import Entry, Leg
from ledger.models import Account, Book, EntryPrice, JournalEntry, Rate
from ledger.readonly import url_of

from .conftest import Shop

SignIn = Callable[[User], Client]
COINS = 100_000_000


def _moved(book: Book, day: int, debit: Account, credit: Account, coins: int, price: int | None) -> JournalEntry:
    at = datetime(2025, 3, day, 12, tzinfo=UTC)
    rate = price and Rate.objects.create(
        asset_code="BTC", currency="EUR", price=Decimal(price), source="A test", observed_at=at
    )
    legs = [Leg(debit, debit=coins), Leg(credit, credit=coins)]
    made = journal.post(
        Entry(
            book_id=book.pk,
            idem=f"march:{day}",
            legs=legs,
            effective_at=at,
            description=f"On the {day}th",
            source="test",
            rate_id=rate.pk if rate else None,
        )
    )
    return JournalEntry.objects.get(pk=made)


@pytest.fixture
def march(bob: Shop) -> dict[str, JournalEntry]:
    """Two lots come in, one and a half of them leave; a sale of what was owed at another price."""
    asset = chart.asset("BTC", "bitcoin-regtest", 8)
    custody, ann = chart.custody(bob.book.pk, asset), chart.customer(bob.book.pk, "ann", asset)
    outside = chart.add_account(bob.book.pk, "equity:conversion", "Conversion", asset)
    sales = chart.sales(bob.book.pk, asset)
    made = {
        "first": _moved(bob.book, 3, custody, outside, COINS, 20_000),
        "second": _moved(bob.book, 4, custody, ann, COINS, 30_000),
        "left": _moved(bob.book, 5, outside, custody, COINS * 3 // 2, 40_000),
        "sale": _moved(bob.book, 6, ann, sales, COINS // 2, 31_000),
    }
    assert lots.up_to_date(bob.book, date(2025, 3, 6))
    return made


def _told(*entries: JournalEntry) -> list[dict[str, str]]:
    told = tell(entries)
    return [{fact.title: fact.text for fact in told[entry.pk]} for entry in entries]


def test_what_left_tells_its_worth_its_cost_and_its_gain(march: dict[str, JournalEntry]) -> None:
    second, left, sale = _told(march["second"], march["left"], march["sale"])
    assert second == {"Worth": "30000.00 EUR"}
    assert left == {
        "Worth": "60000.00 EUR",
        "Left": "1.50000000 BTC, worth 60000.00 EUR",
        "Cost": "35000.00 EUR, 2 lots of 3 Mar 2025 to 4 Mar 2025",
        "Gain": "25000.00 EUR",
    }
    assert sale == {"Worth": "15500.00 EUR", "Exchange difference": "-500.00 EUR, for it was owed at 15000.00 EUR"}


def test_a_gain_leads_to_what_it_follows_from_and_back(
    bob: Shop, accountant: Client, march: dict[str, JournalEntry]
) -> None:
    gain = JournalEntry.objects.get(book=bob.book, meta__of=march["left"].pk)
    (told,) = _told(gain)
    assert told["Follows from"] == "On the 5th"
    assert told["Cost"] == "35000.00 EUR, 2 lots of 3 Mar 2025 to 4 Mar 2025"
    page = accountant.get(url_of(gain)).content.decode()
    assert f'href="{url_of(march["left"])}"' in page
    assert "None needed: it is in EUR" in page
    assert f'href="{url_of(gain)}"' in accountant.get(url_of(march["left"])).content.decode()
    income = Account.objects.get(book=bob.book, code=chart.GAINS_REALISED.code)
    explained = accountant.get(url_of(income, "explain")).content.decode()
    assert f'href="{url_of(march["left"])}"' in explained
    assert "Not priced" not in explained


def test_what_is_posted_of_a_day_leads_to_the_report_of_that_day(
    bob: Shop, accountant: Client, march: dict[str, JournalEntry]
) -> None:
    end = datetime(2025, 3, 31, 12, tzinfo=UTC)
    Rate.objects.create(asset_code="BTC", currency="EUR", price=Decimal(35_000), source="A test", observed_at=end)
    revaluation.revalue(bob.book, end.date(), by="ann")
    for source, words, figures in (
        ("valuation", "what was settled on 6 Mar 2025", "15500.00"),
        ("revaluation", "what was held and owed at the end of 31 Mar 2025", "15000.00"),
    ):
        rows = JournalEntry.objects.filter(book=bob.book, source=source).exclude(meta__has_key="of")
        facts = [fact for row in rows for fact in tell([row])[row.pk] if fact.title == "Follows from"]
        assert {fact.text for fact in facts} == {words}
        report = accountant.get(facts[0].url)
        assert report.status_code == 200
        assert figures in report.content.decode()


def test_worths_are_told_in_a_few_questions(bob: Shop, march: dict[str, JournalEntry]) -> None:
    entries = list(JournalEntry.objects.filter(book=bob.book).order_by("pk"))
    with CaptureQueriesContext(connection) as asked:
        tell(entries)
    assert len(asked) <= 4
    assert tell([]) == {}


def test_a_price_by_hand_stands_in_the_explanation(bob: Shop, accountant: Client) -> None:
    asset = chart.asset("BTC", "bitcoin-regtest", 8)
    cold = chart.add_account(bob.book.pk, "assets:cold", "Cold wallet", asset)
    opening = chart.add_account(bob.book.pk, "equity:brought in", "Brought in", asset)
    entry = _moved(bob.book, 2, cold, opening, COINS // 100, None)
    explained = url_of(cold, "explain")
    assert "Not priced" in accountant.get(explained).content.decode()
    kept = pricing.price(entry, asset, Decimal(19_000), reason="The receipt", by="ann")
    assert isinstance(kept, EntryPrice)
    page = accountant.get(explained).content.decode()
    assert "1 BTC = 19000 EUR, by ann: The receipt" in page
    assert "Not priced" not in page


def test_a_customers_page_says_what_they_are_owed(bob: Shop, accountant: Client, signed_in: SignIn) -> None:
    customer = Customer.objects.get(book=bob.book, external_ref="Bob-customer")
    account = Account.objects.get(book=bob.book, code=f"{chart.CUSTOMERS}Bob-customer")
    page = accountant.get(url_of(customer)).content.decode()
    assert f'href="{url_of(account, "explain")}"' in page
    assert f'href="{url_of(account)}"' in page
    statement = f"{reverse('admin:report', args=['customer-statement'])}?book={bob.book.pk}&amp;customer=Bob-customer"
    assert statement in page
    cashier = signed_in(bob.members["cashier"]).get(url_of(customer)).content.decode()
    assert "What we owe them" not in cashier
    assert url_of(account) not in cashier


def test_an_invoices_page_leads_to_its_payments_and_entries(bob: Shop, accountant: Client, signed_in: SignIn) -> None:
    invoice = Invoice.objects.get(book=bob.book, order_id="Bob-confirmed")
    page = accountant.get(url_of(invoice)).content.decode()
    sale = JournalEntry.objects.get(book=bob.book, source="invoice")
    assert f'href="{url_of(sale)}"' in page
    assert f'href="{url_of(invoice.payments.get())}"' in page
    cashier = signed_in(bob.members["cashier"]).get(url_of(invoice)).content.decode()
    assert url_of(sale) not in cashier


def test_a_book_that_is_kept_is_shown_before_an_empty_one(bob: Shop, accountant: Client) -> None:
    for name in ("admin:ledger_account_tree", "admin:closing"):
        assert accountant.get(reverse(name)).context["book"] == bob.book, name
    chart.asset("EUR", "", 2, "EUR")
    live = bob.merchant.live_book
    chart.add_account(live.pk, "assets:bank", "Bank", money_of(live))
    assert accountant.get(reverse("admin:ledger_account_tree")).context["book"] == live


def test_closing_leads_to_the_trial_balance_of_the_very_book(bob: Shop, accountant: Client) -> None:
    answer = accountant.get(reverse("admin:closing"), {"book": bob.merchant.live_book.pk, "through": "2026-10-31"})
    assert accountant.get(answer.context["trial_balance"]).context["book"] == bob.merchant.live_book
