"""The words that say what became of a delivery."""

from collections.abc import Callable

import pytest
from pytest_django import DjangoAssertNumQueries

from cryptopay.webhooks import delivering, endpoints, outbox
from cryptopay.webhooks.fates import fates
from cryptopay.webhooks.models import Delivery
from ledger.models import Book
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db


def tell(book: Book, subject: str = "inv_1") -> None:
    outbox.enqueue(book.pk, "invoice.settled", subject, {"amount": "1.00"})


def words(sequence: int = 1, subject: str = "inv_1") -> str:
    delivery = Delivery.objects.select_related("endpoint").get(sequence=sequence, subject=subject)
    return fates([delivery])[delivery.pk]


def test_from_the_first_try_to_the_last(book: Book, receiver: Receiver, pass_time: Callable[[], None]) -> None:
    endpoints.create(book.pk, receiver.url)
    tell(book)
    tell(book)
    assert words() == "Waits to be sent"
    assert words(2) == "Waits for event 1 of the same subject, which must arrive first"
    receiver.answer_with(*[503] * 10)
    delivering.deliver_due()
    assert words().startswith("Tried 1 of 10 times, again ")
    assert words().endswith(" UTC: HTTP 503")
    for _ in range(9):
        pass_time()
        delivering.deliver_due()
    assert words().startswith("Given up ")
    assert words().endswith(" UTC: HTTP 503")
    assert words(2).startswith("Delivered ")
    outbox.redeliver(Delivery.objects.get(sequence=1))
    assert words() == "Waits to be sent"


def test_nobody_answers(book: Book, receiver: Receiver) -> None:
    endpoints.create(book.pk, receiver.url)
    receiver.stop()
    tell(book)
    delivering.deliver_due()
    assert "refused" in words()


def test_a_disabled_endpoint_is_the_reason(book: Book, receiver: Receiver) -> None:
    endpoints.create(book.pk, receiver.url)
    receiver.answer_with(410)
    tell(book)
    delivering.deliver_due()
    assert words() == "Given up: the endpoint is disabled. Answered 410"


def test_many_are_explained_in_as_many_queries_as_one(
    book: Book, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(3):
        endpoints.create(book.pk, f"https://shop.example/{number}")
    for number in range(5):
        tell(book, f"inv_{number}")
    deliveries = list(Delivery.objects.select_related("endpoint"))
    with django_assert_num_queries(2):
        assert len(fates(deliveries)) == 15
