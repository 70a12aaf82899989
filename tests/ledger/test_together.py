"""One statement answers what several querysets would have answered, each by its own."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.db.models import Count, F, Sum
from django.test.utils import CaptureQueriesContext

from ledger import journal
from ledger.journal import Entry, Leg
from ledger.models import Account, Book, JournalEntry, Posting
from ledger.together import counted, fetched

from .conftest import Shop

pytestmark = pytest.mark.django_db


def _sold(shop: Shop, number: int) -> None:
    legs = [Leg(shop.custody, debit=number * 10**70), Leg(shop.sales, credit=number * 10**70)]
    entry = Entry(
        book_id=shop.book.pk,
        idem=f"sale {number}",
        legs=legs,
        effective_at=datetime(2026, 3, number, tzinfo=UTC),
        description=f"Sale {number}; it's 100 %",
        source="test",
        meta={"order": number},
    )
    journal.post(entry)


def test_each_is_answered_as_if_it_had_been_asked_alone(shop: Shop) -> None:
    for number in range(1, 6):
        _sold(shop, number)
    entries, accounts = JournalEntry.objects.filter(book=shop.book), Account.objects.filter(book=shop.book)
    asked = [
        entries.select_related("book", "rate").order_by("-effective_at")[:3],
        entries.none(),
        accounts.order_by("code").annotate(legs=Count("postings")),
        Posting.objects.filter(book=shop.book).values("account").annotate(sum=Sum("debit")).order_by("account"),
        entries.filter(description__contains="100 %").values_list("description", "meta"),
        entries.filter(pk__in=[]),
        entries.values_list("pk", flat=True).union(accounts.values_list("pk", flat=True))[:100],
        entries.order_by(F("effective_at").desc()).values_list("effective_at", flat=True)[1:3],
    ]
    alone = [list(rows.all()) for rows in asked]
    with CaptureQueriesContext(connection) as questions:
        found = fetched(*asked)
        books = {entry.book.name for entry in found[0]}
    assert len(questions) == 1
    assert (found[:6], found[7:]) == (alone[:6], alone[7:])
    assert sorted(found[6]) == sorted(alone[6])  # a union has no order
    assert books == {shop.book.name}
    assert [entry.rate for entry in found[0]] == [None] * 3
    assert [entry.meta for entry in found[0]] == [{"order": number} for number in (5, 4, 3)]
    assert [vars(account)["legs"] for account in found[2]] == [vars(account)["legs"] for account in alone[2]]


def test_nothing_that_can_fit_is_not_asked(db: None) -> None:
    with CaptureQueriesContext(connection) as questions:
        assert fetched(Book.objects.none(), Book.objects.filter(pk__in=[])) == [[], []]
        assert fetched() == []
    assert not questions


def test_how_many_there_are(shop: Shop) -> None:
    for number in range(1, 4):
        _sold(shop, number)
    entries = JournalEntry.objects.filter(book=shop.book)
    found = fetched(counted(entries.order_by("pk")), counted(entries.filter(source="nobody")))
    assert found == [[3], [0]]
