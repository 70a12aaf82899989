"""An account's page: its statement in pages and as CSV, with the books' running balance; and its explanation."""

import csv
import io
from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from ledger import balances, evidence, journal, spans
from ledger.evidence import Fact
from ledger.journal import Leg
from ledger.models import JournalEntry
from ledger.money import to_text
from ledger.spans import Span

from .conftest import NOON, Shop

pytestmark = pytest.mark.django_db
MARCH = {"from": "2026-03-01", "to": "2026-03-31"}


@pytest.fixture
def reader() -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("reader"))
    return client


def _history(shop: Shop, count: int, *, first: int = 1) -> None:
    """Receipts of 1, 2, 3... base units a minute apart; the account stood at 50 in February."""
    if first == 1:
        old = shop.entry(Leg(shop.custody, debit=50), Leg(shop.owner, credit=50))
        journal.post(replace(old, effective_at=NOON - timedelta(days=20), description="In February"))
    entries = [
        shop.entry(Leg(shop.custody, debit=number), Leg(shop.customer, credit=number), minutes=number)
        for number in range(first, first + count)
    ]
    journal.post_batch([replace(entry, description=f"Receipt {n}") for n, entry in enumerate(entries, first)])


def _page(shop: Shop, page: str = "change") -> str:
    return reverse(f"admin:ledger_account_{page}", args=[shop.custody.pk])


def _text(base_units: int) -> str:
    return to_text(base_units, 8)


def test_a_statement_is_read_in_pages(shop: Shop, reader: Client) -> None:
    _history(shop, 250)
    lines = []
    for number in (1, 2, 3):
        context = reader.get(_page(shop), {**MARCH, "page": str(number)}).context
        lines += context["lines"]
        brought = 50 + sum(range(1, 100 * (number - 1) + 1))
        assert _text(brought) in (context["brought"] or context["opening"])
        carried = context["carried"]
        assert (carried is None) == (number == 3)
        assert carried is None or carried == lines[-1].balance
    assert [line.what for line in lines] == [f"Receipt {number}" for number in range(1, 251)]
    running = 50
    for number, line in enumerate(lines, 1):
        running += number
        assert f">{_text(running)} " in line.balance
        assert (line.other_side, bool(line.debit), bool(line.credit)) == ("Customer bob", True, False)
    assert _text(running) in context["closing"]
    beyond = reader.get(_page(shop), {**MARCH, "page": "99"})
    assert (beyond.status_code, beyond.context["lines"]) == (200, [])


def test_a_statement_is_downloaded_whole_and_exactly(shop: Shop, reader: Client) -> None:
    _history(shop, 120)
    evil = shop.entry(Leg(shop.owner, debit=7), Leg(shop.custody, credit=7), minutes=500)
    journal.post(replace(evil, description='=HYPERLINK("http://evil")'))
    answer = reader.get(_page(shop), {**MARCH, "as": "csv"})
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    opening, *lines, closing = rows
    assert (opening["Balance"], len(lines)) == (_text(50), 121)
    found = balances.statement(shop.custody, date(2026, 3, 1), date(2026, 3, 31))
    assert [line["Balance"] for line in lines] == [_text(line.balance) for line in found.lines()]
    assert closing["Balance"] == _text(found.closing)
    assert (lines[-1]["Description"], lines[-1]["Credit"]) == ('\'=HYPERLINK("http://evil")', _text(7))


def test_a_statement_asks_no_more_for_more_lines(shop: Shop, reader: Client) -> None:
    def asked(page: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert reader.get(_page(shop, page), {**MARCH, "as_of": "2026-03-31"}).status_code == 200
        return len(queries)

    _history(shop, 3)
    asked("change")
    few = {page: asked(page) for page in ("change", "explain")}
    _history(shop, 247, first=4)
    assert asked("change") <= few["change"]
    assert asked("explain") <= few["explain"] + 1  # sums in the place of lines
    assert max(few.values()) < 25


def test_an_explanation_adds_up_to_the_balance_it_was_asked_for(shop: Shop, reader: Client) -> None:
    _history(shop, 3)
    page = reader.get(_page(shop, "explain"), {"as_of": "2026-03-01"})
    assert [(group.title, group.count) for group in page.context["groups"]] == [("Posted, test", 4)]
    assert _text(56) in page.context["closing"]
    for line in reader.get(_page(shop), MARCH).context["lines"]:
        behind = reader.get(line.explained).context
        assert behind["closing"] == line.balance
    many = reader.get(_page(shop, "explain"), {"as_of": "2026-03-01", "from": "2026-03-01"}).context
    assert (_text(50) in many["opening"], many["whole"]) == (True, False)


def test_a_long_history_is_explained_by_sums_that_lead_on(shop: Shop, reader: Client) -> None:
    _history(shop, 250)
    months = reader.get(_page(shop, "explain"), {"as_of": "2026-03-31"}).context
    assert [part.title for part in months["parts"]] == ["9 Feb to 28 Feb 2026", "1 Mar to 31 Mar 2026"]
    day = reader.get(months["parts"][1].url).context
    assert [part.title for part in day["parts"]] == ["1 Mar 2026"]
    runs = reader.get(day["parts"][0].url).context
    assert [part.title for part in runs["parts"]] == ["1 Mar 2026, 200 postings", "1 Mar 2026, 50 postings"]
    last = reader.get(runs["parts"][1].url).context
    assert (last["count"], last["closing"]) == (50, months["closing"])


@pytest.mark.parametrize(
    "query", ["as_of=x", "through=0", "through=9" * 9, "after=-1", "from=2027-01-01", "as_of=0001-01-01"]
)
def test_nonsense_asked_for_is_answered_calmly(shop: Shop, reader: Client, query: str) -> None:
    _history(shop, 1)
    assert reader.get(f"{_page(shop, 'explain')}?{query}").status_code == 200
    assert reader.get(f"{_page(shop)}?{query.replace('as_of', 'to')}&page=x").status_code == 200
    assert reader.get(f"{reverse('admin:ledger_account_tree')}?{query}&book=x").status_code == 200


def test_what_other_rooms_know_stands_beside_the_entry(shop: Shop, reader: Client) -> None:
    shop.received(5)
    tellers = list(evidence._tellers)
    evidence.register(lambda entries: {entry.pk: [Fact("Voucher", "<b>12</b>", "/vouchers/12/")] for entry in entries})
    try:
        page = reader.get(_page(shop, "explain"), {"as_of": "2026-03-31"}).content.decode()
    finally:
        evidence._tellers[:] = tellers
    assert '<a class="link" href="/vouchers/12/">&lt;b&gt;12&lt;/b&gt;</a>' in page
    assert evidence.behind([]) == {}


def test_an_account_page_writes_nothing(shop: Shop, reader: Client) -> None:
    assert reader.post(_page(shop), {"name": "Mine"}).status_code == 403
    assert reader.post(_page(shop, "explain")).status_code == 403
    assert reader.get(reverse("admin:ledger_account_change", args=[10**9])).status_code == 302
    assert JournalEntry.objects.count() == 0


def test_spans_are_what_they_say() -> None:
    offered = dict(spans.offered(date(2020, 5, 5)))
    assert offered["This month"].first.day == offered["Last month"].first.day == 1
    assert offered["Last month"].last + timedelta(days=1) == offered["This month"].first
    assert offered["Last year"].last + timedelta(days=1) == offered["This year"].first
    assert offered["Everything"].first == date(2020, 5, 5)
    given = {"from": "2026-03-31", "to": "2026-03-01"}
    assert spans.span_of(given, spans.this_month()) == Span(date(2026, 3, 1), date(2026, 3, 31))
