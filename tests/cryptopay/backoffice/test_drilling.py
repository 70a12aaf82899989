"""From every row of every report its reader comes to what it is made of, and so to the chain's transaction."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cryptopay.backoffice.reporting import Drawn
from cryptopay.payments.lines import NewLine
from ledger import chart, journal, lots, spans
from ledger.journal import Entry, Leg
from ledger.models import Account, JournalEntry, Posting, Rate
from monitor.models import Deposit
from monitor.reconciliations import AddressDifference, Reconciliation
from reports.registry import REPORTS

from .conftest import CHAIN, Shop, paid_invoice
from .test_dead_ends import SignIn

NAMING = {"Account", "Entry", "Lot", "Reference", "Transaction", "User", "Address"}
"""Columns whose cells name something that has a page."""
OF_NO_ACCOUNT = {"Result: income less expenses", "Gains that are counted and not posted yet"}
"""Rows of sums that no single account has."""
FURTHER = 2
_PAGES = "account|journalentry|invoice|payment|deposit|customer"
_LINK = re.compile(rf'href="([^"]*/(?:{_PAGES})/[^"/]+/(?:change|explain)/[^"]*)"')


@dataclass
class Reader:
    """Clicks on links, on each but once."""

    client: Client
    pages: dict[str, str] = field(default_factory=dict)

    def read(self, url: str) -> str:
        if url not in self.pages:
            answer = self.client.get(url)
            assert answer.status_code == 200, url
            self.pages[url] = answer.content.decode()
        return self.pages[url]

    def finds(self, texts: set[str], url: str, further: int = FURTHER) -> bool:
        """Whether any of them stands on that page, or on one so many clicks away. A search repeats what is looked for,
        which is no finding."""
        seen, pages = {url}, [url]
        for _ in range(further + 1):
            if any(text in self.read(page) and text not in page for page in pages for text in texts):
                return True
            found = [unescape(link) for page in pages for link in _LINK.findall(self.read(page))]
            pages = [link for link in dict.fromkeys(found) if link not in seen]
            seen.update(pages)
        return False


@pytest.fixture
def bob(shops: dict[str, Shop]) -> Shop:
    """With rows in every report: a taxed sale, coins that left since at another price, an address that differs."""
    shop = shops["Bob"]
    book = shop.book
    line = NewLine(description="Tea", net="10.08", tax_rate="19")
    paid_invoice(shop, "confirmed", order_id="taxed", customer_ref="Bob-customer", lines=[line])
    paid_invoice(shop, "confirmed", order_id="a guest's")
    _left(shop, 20_000)
    address = Deposit.objects.filter(book=book, state="confirmed").select_related("watched")[0].watched.address
    run = Reconciliation.objects.get(book=book)
    figures = {"node_base_units": 0, "books_base_units": 7, "difference": -7}
    AddressDifference.objects.create(book=book, reconciliation=run, place=b"2", address=address, **figures)
    assert lots.up_to_date(book, spans.today())
    return shop


def _left(shop: Shop, base_units: int) -> None:
    """Coins leave at another price than they came at."""
    book, coin, now = shop.book, chart.asset("BTC", CHAIN.code, 8), timezone.now()
    dear = Rate.objects.create(
        book=book, asset_code="BTC", currency="EUR", price=Decimal(70_000), source="A test", observed_at=now
    )
    custody, opening = chart.custody(book.pk, coin), chart.find(book.pk, "equity:opening", coin)
    legs = [Leg(opening, debit=base_units), Leg(custody, credit=base_units)]
    told = {"idem": "left", "description": "Left", "source": "test"}
    journal.post(Entry(book_id=book.pk, legs=legs, effective_at=now, rate_id=dear.pk, **told))


def test_every_report_leads_to_the_chains_transaction(bob: Shop, signed_in: SignIn) -> None:
    reader = Reader(signed_in(bob.members["accountant"]))
    txids = set(Deposit.objects.filter(book=bob.book).values_list("txid", flat=True))
    unpaid = _without_payments(bob)
    dead_ends: list[object] = []
    for name in REPORTS:
        rows = list(_rows(reader.client, name, bob))
        assert rows, name
        dead_ends += [(name, cell.title, cell.text) for row in rows for cell in row if _leads_nowhere(cell)]
        dead_ends += [(name, [cell.text for cell in row]) for row in rows if not _leads_on(row)]
        for url in dict.fromkeys(cell.url for row in rows for cell in row if cell.url):
            reader.read(url)
            if not unpaid.search(url) and not reader.finds(txids, url):
                dead_ends.append((name, url))
    assert dead_ends == []


def _leads_nowhere(cell: Drawn) -> bool:
    return cell.title in NAMING and bool(cell.text) and not cell.url


def _leads_on(row: list[Drawn]) -> bool:
    return any(cell.url or cell.text in OF_NO_ACCOUNT for cell in row)


def _without_payments(shop: Shop) -> re.Pattern[str]:
    """The pages behind which no payment is: of accounts that none has touched, and of what was never an address."""
    entries = JournalEntry.objects.filter(book=shop.book).exclude(txid=None)
    sales = JournalEntry.objects.filter(book=shop.book).exclude(invoice_ref=None)
    touched = Posting.objects.filter(book=shop.book, entry__in=entries | sales).values("account")
    others = Account.objects.filter(book=shop.book).exclude(pk__in=touched).values_list("pk", flat=True)
    return re.compile(rf"/account/({'|'.join(map(str, others))})/|q=Bob%27s\+shop%2C\+address$")


def _rows(client: Client, name: str, shop: Shop) -> Iterator[list[Drawn]]:
    """As they are drawn on the page, without the sums."""
    custody = chart.custody(shop.book.pk, chart.asset("BTC", CHAIN.code, 8))
    needed = {"account": f"{custody.code} BTC", "customer": "Bob-customer"}
    said = {one.name: needed[one.name] for one in REPORTS[name].parameters if one.required}
    answer = client.get(reverse("admin:report", args=[name]), {"book": shop.book.pk, **said})
    assert answer.status_code == 200, name
    return (row for is_sum, row in answer.context["rows"] if not is_sum)
