"""Servers at their worst, many at once: shorter runs of `make torture TRIALS=webhooks`, and what keeps them apart."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from cryptopay.merchants.onboarding import create_merchant
from cryptopay.webhooks import delivering, endpoints, outbox
from cryptopay.webhooks.delivering import Outcome
from cryptopay.webhooks.models import Delivery, Endpoint
from ledger.models import Book
from tests.flaky import Shops
from tests.torture import webhooks as trial

SLOW, QUICK = Outcome(None, "", "no answer within 15 seconds", "", 15_000), Outcome(500, "", "", "", 40)


def tell(book: Book, subjects: int) -> None:
    for number in range(subjects):
        outbox.enqueue(book.pk, "invoice.settled", f"inv_{number}", {"amount": "1.00"})


def claimed(most: int = delivering.THREADS) -> list[int]:
    """By endpoint."""
    return [parcel.endpoint_id for parcel in delivering.claim(most)]


@pytest.mark.django_db
def test_each_arrives_signed_and_in_order_whatever_the_servers_do() -> None:
    trial.flaky(200, patience_seconds=0.5)


@pytest.mark.django_db(transaction=True)
def test_of_100_endpoints_10_hang_and_the_others_have_heard_everything() -> None:
    trial.hanging(events=2, subjects=1)


@pytest.mark.django_db(transaction=True)
def test_while_a_run_waits_for_one_that_hangs_the_others_are_served_though_its_time_is_over() -> None:
    shops = Shops(hanging={"/hanging"})
    hanging, other = (create_merchant(name).test_book for name in ("Alice's", "Bob's"))
    for path, book in (("/hanging", hanging), ("/other", other)):
        _, shops.secrets[path] = endpoints.create(book.pk, shops.url(path))
    tell(hanging, 8)
    try:
        with ThreadPoolExecutor(1) as threads:
            run = threads.submit(in_a_thread, lambda: delivering.deliver_due(run_seconds=0.5))
            try:
                shops.wait_until(lambda: shops.held["/hanging"] == delivering.PER_ENDPOINT, seconds=60)
                time.sleep(delivering._HANGING_SECONDS)
                tell(other, 5)
                shops.wait_until(lambda: len(shops.accepted["/other"]) == 5, seconds=60)
                assert not shops.accepted["/hanging"]
            finally:
                shops.released.set()
            run.result()
        assert shops.held["/hanging"] == delivering.PER_ENDPOINT, "no more of these was begun"
    finally:
        shops.stop()


def in_a_thread(work: Callable[[], object]) -> None:
    try:
        work()
    finally:
        connection.close()


@pytest.mark.django_db
def test_a_slow_endpoint_is_sent_one_at_a_time_until_it_is_quick_again(book: Book) -> None:
    endpoint, _ = endpoints.create(book.pk, "https://shop.example/")
    tell(book, 6)
    first = delivering.claim(delivering.THREADS)
    assert len(first) == delivering.PER_ENDPOINT
    delivering.record([(parcel, SLOW) for parcel in first])
    endpoint.refresh_from_db()
    since = endpoint.slow_since
    assert since is not None
    (one,) = delivering.claim(delivering.THREADS)
    assert claimed() == [], "one is in flight"
    delivering.record([(one, SLOW)])
    endpoint.refresh_from_db()
    assert endpoint.slow_since == since, "since the first"
    (one,) = delivering.claim(delivering.THREADS)
    delivering.record([(one, QUICK)])
    endpoint.refresh_from_db()
    assert endpoint.slow_since is None
    Delivery.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    assert len(claimed()) == delivering.PER_ENDPOINT


@pytest.mark.django_db
def test_slow_endpoints_of_many_books_leave_threads_to_the_others(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "SLOW_THREADS", 2)
    for name in ("Bob", "Carol", "Dave"):
        slow = create_merchant(name).test_book
        endpoints.create(slow.pk, "https://slow.example/")
        tell(slow, 2)
    Endpoint.objects.update(slow_since=timezone.now())
    endpoint, _ = endpoints.create(book.pk, "https://shop.example/")
    tell(book, 2)
    taken = delivering.claim(delivering.THREADS, slow=delivering.SLOW_THREADS)
    assert [parcel.endpoint_id for parcel in taken].count(endpoint.pk) == 2
    assert len(taken) == 4
    assert delivering.claim(delivering.THREADS, slow=delivering.SLOW_THREADS) == [], "two slow ones are in flight"
    Delivery.objects.update(claimed_until=None)
    assert claimed_of(endpoint, slow=0) == 2, "at the end of a run slow ones are not begun"


def claimed_of(endpoint: Endpoint, *, slow: int) -> int:
    taken = delivering.claim(delivering.THREADS, slow)
    assert {parcel.endpoint_id for parcel in taken} == {endpoint.pk}
    return len(taken)


@pytest.mark.django_db
def test_an_endpoint_is_not_kept_waiting_by_its_books_others(book: Book) -> None:
    """Fifteen hang and have more in flight than the book's share; the sixteenth is sent all the same."""
    hanging = [endpoints.create(book.pk, f"https://shop.example/{number}")[0] for number in range(15)]
    tell(book, 1)
    assert sorted(claimed()) == [endpoint.pk for endpoint in hanging]
    assert len(hanging) > delivering.PER_BOOK
    last, _ = endpoints.create(book.pk, "https://shop.example/last")
    tell(book, 3)
    assert claimed() == [last.pk], "one; the rest waits for the others"


@pytest.mark.django_db
def test_one_that_cannot_be_recorded_holds_up_no_other(book: Book) -> None:
    endpoints.create(book.pk, "https://shop.example/")
    tell(book, 3)
    parcels = delivering.claim(delivering.THREADS)
    spoilt = Outcome(200, "\x00", "", "", 1)
    delivering._record_or_log(
        [(parcels[0], spoilt), *((parcel, Outcome(200, "", "", "", 1)) for parcel in parcels[1:])]
    )
    assert Delivery.objects.filter(state="delivered").count() == 2
    assert Delivery.objects.get(pk=parcels[0].delivery_id).claimed_until is not None
