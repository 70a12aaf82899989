"""*Today*: what it lists, that its figures are the reports', and that it asks little of the database."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

import psycopg
import pytest
from django.db import connection
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from structlog.testing import capture_logs

from cryptopay.backoffice import coins, today
from cryptopay.backoffice.guides import guide_of
from cryptopay.backoffice.needs import unpriced
from cryptopay.backoffice.needs.need import Asked, Heading, Need
from cryptopay.backoffice.needs.registry import NEEDS
from cryptopay.merchants.models import User
from cryptopay.payments.models import Invoice, Payment
from ledger import chart, clearing, journal, manual, spans
from ledger.journal import Entry, Leg
from ledger.models import Account, Book, JournalEntry
from monitor.models import Cursor
from reports import receipts
from tests.database import urls_of_this_database

from .conftest import CHAIN, Shop, paid_invoice, registered, unassigned
from .test_lists import MOST_QUESTIONS

SignIn = Callable[[User], Client]


@pytest.fixture
def accountant(shops: dict[str, Shop], signed_in: SignIn) -> Client:
    return signed_in(shops["Bob"].members["accountant"])


def _written(shop: Shop, code: str, days_ago: int, *, back: bool = False, source: str = "test") -> JournalEntry:
    """An entry without a rate between custody and that account."""
    coin = chart.asset("BTC", CHAIN.code, 8)
    legs = [Leg(chart.find(shop.book.pk, code, coin), 500), Leg(chart.custody(shop.book.pk, coin), 0, 500)]
    if back:
        legs = [Leg(leg.account, leg.credit, leg.debit) for leg in legs]
    at = datetime.combine(spans.today() - timedelta(days=days_ago), time(12), UTC)
    idem = f"{code} {days_ago} {back}"
    entry = Entry(
        book_id=shop.book.pk, idem=idem, legs=legs, effective_at=at, description=f"Moved to {code}", source=source
    )
    return JournalEntry.objects.get(pk=journal.post(entry))


def test_the_charts_have_the_figures_of_the_report(shops: dict[str, Shop]) -> None:
    unassigned(shops["Bob"], "Bob")
    _written(shops["Bob"], "assets:in transit", 3)
    _written(shops["Bob"], "suspense", 4, source=manual.SOURCE)
    for days in coins.SPANS:
        books = Book.objects.filter(pk=shops["Bob"].book.pk)
        reported = receipts.totals_by_day(books, since=spans.today() - timedelta(days=days - 1))
        drawn = {
            (day, chart.asset.pk): tuple(figures)
            for chart in coins.charts(books, days)
            for day, figures in chart.moved.items()
        }
        assert drawn == {(day, asset): figures for (day, _, asset), figures in reported.items()}
        assert len(json.loads(coins.charts(books, days)[0].data)["labels"]) == days
    assert len(drawn) >= 3  # two assets, and bitcoin on two days


def test_unpriced_entries_are_listed_and_lead_to_their_list(shops: dict[str, Shop], accountant: Client) -> None:
    assert "Every entry has its rate" in accountant.get(reverse("admin:index")).content.decode()
    moved = _written(shops["Bob"], "assets:in transit", 2)
    today = accountant.get(reverse("admin:index")).content.decode()
    assert "Entries without a rate" in today
    listed = accountant.get(reverse("admin:ledger_journalentry_changelist"), {"pricing": "none"})
    assert [entry.pk for entry in listed.context["cl"].result_list] == [moved.pk]
    assert "Moved to assets:in transit" in today


def test_clearing_accounts_are_urgent_over_their_days(shops: dict[str, Shop], accountant: Client) -> None:
    bob = shops["Bob"]
    _written(bob, "assets:in transit", 9)
    _written(bob, "assets:in transit", 8, back=True)
    _written(bob, "assets:in transit", 2)
    accounts = Account.objects.filter(book=bob.book)
    (young,) = clearing.uncleared(clearing.open_ones(accounts), limit=8)
    assert (young.base_units, young.overdue) == (500, False)
    assert young.since.date() == spans.today() - timedelta(days=2)
    assert "to be zero within 3 days" in accountant.get(reverse("admin:index")).content.decode()
    _written(bob, "suspense", 20)
    assert [each.account.code for each in clearing.uncleared(clearing.open_ones(accounts), limit=8)] == [
        "suspense",
        "assets:in transit",
    ]
    page = accountant.get(reverse("admin:index")).content.decode()
    assert "over its 7 days" in page
    assert 'need urgent" aria-label="To be cleared' in page
    listed = accountant.get(reverse("admin:ledger_account_changelist"), {"clearing": "open"})
    assert {account.code for account in listed.context["cl"].result_list} == {"suspense", "assets:in transit"}
    assert Account.objects.filter(book=bob.book, clears_within_days__isnull=False).count() > 1


def test_what_waits_says_how_long_and_why(shops: dict[str, Shop], accountant: Client) -> None:
    payment = paid_invoice(shops["Bob"], "seen", order_id="Bob-old").payments.get()
    type(payment).objects.filter(pk=payment.pk).update(seen_at=timezone.now() - timedelta(days=3))
    page = accountant.get(reverse("admin:index")).content.decode()
    assert 'need urgent" aria-label="Not yet received' in page
    assert "3\xa0days" in page
    assert "0 of 2, " in page


UNREAD = "Could not be read just now."


def _divides_by_zero(_: HttpRequest) -> list[QuerySet[Book]]:
    return [Book.objects.annotate(none=F("pk") / (F("pk") - F("pk")))]


def _has_a_bug(_: HttpRequest, found: object) -> Need:
    raise KeyError(found)


@pytest.mark.parametrize(
    "failing",
    [
        Asked(Heading("Never read", "link"), Book, _divides_by_zero, _has_a_bug),
        Asked(Heading("Never read", "link"), JournalEntry, unpriced.find, _has_a_bug),
    ],
    ids=["in the database", "in the program"],
)
def test_a_list_that_fails_says_so_and_takes_no_other_with_it(
    shops: dict[str, Shop], accountant: Client, monkeypatch: pytest.MonkeyPatch, failing: Asked
) -> None:
    paid_invoice(shops["Bob"], "seen", order_id="Bob-old")
    _written(shops["Bob"], "suspense", 20)
    before = accountant.get(reverse("admin:index"))
    monkeypatch.setattr(today, "NEEDS", (*NEEDS[:2], failing, *NEEDS[2:]))
    with capture_logs() as logs:
        after = accountant.get(reverse("admin:index"))
    page = after.content.decode()
    assert page.count(UNREAD) == 1
    assert page.index('aria-label="Never read"') < page.index(UNREAD)
    others = [need for need in after.context["needs"] if not need.unread]
    assert others == before.context["needs"]
    assert len(others) >= 2
    for part in ("nothing", "balances", "charts", "seals"):
        assert after.context[part] == before.context[part]
    told = [each for each in logs if each["event"].startswith("today.")]
    assert [(each["event"], each.get("part")) for each in told] == [
        ("today.asked_apart", None),
        ("today.not_read", "Never read"),
    ]
    assert all(each["exc_info"] for each in told)


def test_a_locked_table_takes_no_more_than_its_own_list(
    root: User, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(today, "PATIENCE", "100ms")
    client = signed_in(root)
    url = urls_of_this_database()["DATABASE_URL"]
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE payments_unassignedreceipt IN ACCESS EXCLUSIVE MODE NOWAIT")
        locked = client.get(reverse("admin:index"))
        other.rollback()
    unread = [need.heading.title for need in locked.context["needs"] if need.unread]
    assert unread == ["Unassigned receipts"]
    assert "Every entry has its rate." in locked.content.decode()
    free = client.get(reverse("admin:index")).content.decode()
    assert UNREAD not in free
    assert "Everything that arrived is somebody&#x27;s." in free


@pytest.mark.parametrize("part", ["balances", "charts"])
def test_a_figure_that_cannot_be_read_says_so(
    shops: dict[str, Shop], accountant: Client, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def failing(*_: object) -> None:
        with connection.cursor() as sql:
            sql.execute("SELECT 1 / 0")

    monkeypatch.setattr(coins, part, failing)
    answer = accountant.get(reverse("admin:index"))
    assert answer.content.decode().count(UNREAD) == 1
    assert answer.context[part] is None
    assert len(answer.context["seals"]) == 1


@pytest.mark.parametrize("who", ["owner", "root"])
def test_today_asks_few_questions_however_much_there_is(
    shops: dict[str, Shop], root: User, signed_in: SignIn, who: str
) -> None:
    bob = shops["Bob"]
    client = signed_in(root if who == "root" else bob.members[who])

    def questions() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(reverse("admin:index"), {"days": "90"}).status_code == 200
        return len([each for each in asked if not each["sql"].startswith(("SAVEPOINT", "RELEASE", "SET LOCAL"))])

    unassigned(bob, "Bob")
    _written(bob, "suspense", 20)
    Cursor.objects.filter(chain_code=CHAIN.code).update(halted_at="2026-11-01T00:00Z", failure="a fork")
    few = questions()
    for number in range(10):
        paid_invoice(bob, ("seen", "confirmed")[number % 2], customer_ref=f"customer-{number}")
    assert questions() <= few
    assert few < MOST_QUESTIONS


def test_every_empty_list_is_a_guide_and_leads_only_where_one_may_go(
    root: User, shops: dict[str, Shop], signed_in: SignIn
) -> None:
    """Of every model with a page; a new one fails until somebody has said what its list is for."""
    reader, stranger = signed_in(root), User.objects.create_user("stranger", is_staff=True)
    for model in registered():
        guide = guide_of(model)
        assert guide is not None, f"Nobody has said what the list of {model._meta.label} is for: guides.py"
        assert guide.stands.endswith("."), model
        assert guide.empty.endswith((".", ")")), model
        assert bool(guide.next) >= bool(guide.url_name) == bool(guide.link) == bool(guide.permission), model
        if guide.url_name:
            reached = reader.get(guide.way_on(_asked_by(root)))
            assert reached.status_code == 200, model
            assert not guide.way_on(_asked_by(stranger)), model
    empty = reader.get(reverse("admin:monitor_backfill_changelist")).content.decode()
    for words in ("What will stand here", "Why it is empty", "Nothing had to be read again."):
        assert words in empty


def test_every_question_of_a_list_is_answered(shops: dict[str, Shop], root: User, signed_in: SignIn) -> None:
    """Not by an error, and not by a list that ignores it: each leaves a mark on the chip and on the query."""
    client = signed_in(root)
    for model in registered():
        guide = guide_of(model)
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for question in guide.questions if guide else ():
            answer = client.get(address, question.asked)
            assert answer.status_code == 200, f"{model} {question.words}"
            page = answer.context["cl"]
            assert page.has_active_filters, f"{model} {question.words}"
            assert str(page.queryset.query) != str(page.root_queryset.query), f"{model} {question.words}"
            assert f'aria-current="true">{question.words}' in answer.content.decode()
    paid = paid_invoice(shops["Bob"], "seen", order_id="Bob-old")
    Payment.objects.filter(invoice=paid).update(seen_at=timezone.now() - timedelta(days=2))
    Invoice.objects.filter(pk=paid.pk).update(amount=1000)
    aged = client.get(reverse("admin:payments_payment_changelist"), {"waiting": "day"})
    large = client.get(reverse("admin:payments_invoice_changelist"), {"size": "1000"})
    assert [row.invoice_id for row in aged.context["cl"].result_list] == [paid.pk]
    assert [row.pk for row in large.context["cl"].result_list] == [paid.pk]


def _asked_by(user: User) -> HttpRequest:
    request = RequestFactory().get("/")
    request.user = user
    return request
