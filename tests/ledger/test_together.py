"""What is said together is written together: one batch a book, at the end or not at all."""

from collections.abc import Callable

import pytest
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from ledger import errors, journal
from ledger.balances import AccountBalance
from ledger.behind import behind
from ledger.journal import Entry, Standing, story_heads
from ledger.models import JournalEntry
from tests.ledger.conftest import Shop

pytestmark = pytest.mark.django_db


def _stories(shop: Shop) -> dict[int, str]:
    return {entry.pk: vars(entry)["standing"] for entry in story_heads(JournalEntry.objects.filter(book=shop.book))}


def test_the_ids_given_out_are_those_written(shop: Shop) -> None:
    with journal.together():
        seen = journal.record(shop.receipt(7))
        paid = journal.post(shop.receipt(5))
        assert not JournalEntry.objects.exists()
    assert _stories(shop) == {seen: Standing.UNCONFIRMED, paid: Standing.VALIDATED}
    assert shop.holds(shop.custody).posted == 5
    assert shop.holds(shop.custody).pending_in == 7


def test_what_was_just_said_can_be_resolved(shop: Shop) -> None:
    with journal.together():
        settled, dropped = journal.record(shop.receipt(7)), journal.record(shop.receipt(3))
        journal.settle(shop.of(settled))
        journal.void(shop.of(dropped))
        journal.post(shop.payout(7))
    assert _stories(shop)[settled] == Standing.VALIDATED
    assert _stories(shop)[dropped] == Standing.DROPPED
    assert shop.holds(shop.customer) == shop.holds(shop.custody) == AccountBalance(0, 0, 0)


def test_many_are_written_in_batches_behind(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "AT_ONCE", 3)
    with transaction.atomic(), behind(), journal.together():
        seen = [journal.record(shop.receipt(7)) for _ in range(4)]
        settled = [journal.settle(shop.of(entry)) for entry in seen]
        paid = journal.post(shop.payout(28))
    assert _stories(shop) == {**dict.fromkeys(seen, Standing.VALIDATED), paid: Standing.VALIDATED}
    assert [entry.pk for entry in JournalEntry.objects.order_by("pk")] == [*seen, *settled, paid]
    assert shop.holds(shop.customer) == shop.holds(shop.custody) == AccountBalance(0, 0, 0)


def test_a_batch_behind_that_is_refused_takes_all_with_it(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "AT_ONCE", 2)

    def fail() -> None:
        with transaction.atomic(), behind(), journal.together():
            for amount in (5, 4):
                journal.post(shop.receipt(amount))
            for amount in (6, 6):
                journal.post(shop.payout(amount))
            for amount in (3, 3):
                journal.post(shop.receipt(amount))

    with pytest.raises(errors.BelowFloor):
        fail()
    assert not JournalEntry.objects.exists()
    assert shop.holds(shop.customer).posted == 0


def test_a_reversal_finds_what_was_said_before_it(shop: Shop) -> None:
    with journal.together():
        settled = journal.settle(shop.of(journal.record(shop.receipt(7))))
        journal.reverse(shop.of(settled))
        journal.post(shop.receipt(2))
    assert shop.holds(shop.custody).posted == 2


def _said(*entries: Entry, then: Callable[[], object] = lambda: None) -> None:
    with journal.together():
        for entry in entries:
            journal.post(entry)
        then()


def test_all_or_none(shop: Shop) -> None:
    with pytest.raises(errors.BelowFloor):
        _said(shop.receipt(5), shop.payout(6))
    with pytest.raises(ZeroDivisionError):
        _said(shop.receipt(5), then=lambda: 1 / 0)
    assert not JournalEntry.objects.exists()
    journal.post(shop.receipt(5))
    assert shop.holds(shop.custody).posted == 5


def test_what_was_written_before_has_another_id_and_is_refused(shop: Shop) -> None:
    journal.post(shop.receipt(5, idem="known"))
    with pytest.raises(errors.IdempotencyConflict), journal.together():
        journal.post(shop.receipt(5, idem="known"))
    assert shop.holds(shop.custody).posted == 5


def test_each_book_has_its_own_batch(open_shop: Callable[..., Shop]) -> None:
    shop, other = open_shop(), open_shop("Charlie")
    with journal.together():
        mine, theirs = journal.post(shop.receipt(1)), journal.post(other.receipt(2))
        again = journal.post(shop.receipt(4))
    assert _stories(shop).keys() == {mine, again}
    assert _stories(other).keys() == {theirs}


@pytest.mark.parametrize("count", [2, 90])
def test_many_cost_no_more_statements_than_few(
    shop: Shop, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    entries = [shop.receipt(1) for _ in range(count)]
    with django_assert_num_queries(4), journal.together():  # a savepoint, the ids, the batch
        for entry in entries:
            journal.post(entry)
    assert shop.holds(shop.custody).posted == count
