"""The outbox: in the same commit as the money, in sequence, and lost by nothing."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from cryptopay.merchants.onboarding import create_merchant
from cryptopay.webhooks import delivering, endpoints, outbox
from cryptopay.webhooks.errors import EndpointDisabled
from cryptopay.webhooks.models import Attempt, Delivery, Event, Lease
from cryptopay.webhooks.outbox import Told
from ledger.behind import behind
from ledger.models import Book
from tests.database import urls_of_this_database
from tests.receiver import Receiver, Reply

committed = pytest.mark.django_db(transaction=True)


def tell(book: Book, subject: str = "inv_1", type_: str = "invoice.settled") -> Told:
    return outbox.enqueue(book.pk, type_, subject, {"amount": "1.00"})


def stored(told: Told) -> Event:
    return Event.objects.get(public_id=told.public_id)


def heard(told: Told) -> set[int]:
    """Endpoints that it goes to."""
    return {delivery.endpoint_id for delivery in stored(told).deliveries.all()}


def test_sequence_counts_per_book_and_subject(book: Book) -> None:
    bobs = create_merchant("Bob's").test_book
    assert [tell(book).sequence, tell(book).sequence, tell(book, "inv_2").sequence] == [1, 2, 1]
    assert tell(bobs).sequence == 1


def test_payload_says_who_what_when(book: Book) -> None:
    event = stored(tell(book))
    assert event.payload == {
        "id": event.public_id,
        "type": "invoice.settled",
        "created_at": event.created_at.isoformat(),
        "book": f"book_{book.pk}",
        "live": False,
        "subject": "inv_1",
        "sequence": 1,
        "data": {"amount": "1.00"},
    }
    assert event.public_id.startswith("evt_")
    assert event.payload["created_at"].endswith("+00:00")


def test_live_events_say_so(db: None) -> None:
    assert stored(tell(create_merchant("Alice's").live_book)).payload["live"] is True


@pytest.mark.parametrize("data", [{"amount": 0.1}, {"payments": [{"amount": 1.5}]}, {"rate": float("nan")}])
def test_a_floating_point_number_is_refused(book: Book, data: dict[str, object]) -> None:
    with pytest.raises(TypeError, match="amounts are strings"):
        outbox.enqueue(book.pk, "invoice.settled", "inv_1", data)


def test_who_asked_for_the_type_gets_a_delivery(book: Book) -> None:
    every, _ = endpoints.create(book.pk, "https://shop.example/all")
    some, _ = endpoints.create(book.pk, "https://shop.example/some", ["invoice.settled", "payment.confirmed"])
    endpoints.create(book.pk, "https://shop.example/other", ["payment.detected"])
    off, _ = endpoints.create(book.pk, "https://shop.example/off")
    endpoints.disable(off, "for the test")
    endpoints.create(create_merchant("Bob's").test_book.pk, "https://bob.example/")
    assert heard(tell(book)) == {every.pk, some.pk}
    assert heard(tell(book, "inv_2", "refund.created")) == {every.pk}


def test_a_trial_goes_to_one_endpoint(book: Book, receiver: Receiver, second_receiver: Receiver) -> None:
    endpoint, secret = endpoints.create(book.pk, receiver.url, ["invoice.settled"])
    endpoints.create(book.pk, second_receiver.url)
    outbox.enqueue_test(endpoint)
    delivering.deliver_due()
    assert receiver.events(secret)[0]["type"] == outbox.EndpointTest.type
    assert second_receiver.requests == []
    endpoints.disable(endpoint, "for the test")
    with pytest.raises(EndpointDisabled):
        outbox.enqueue_test(endpoint)


@committed
def test_a_rollback_takes_the_event_along(receiver: Receiver) -> None:
    book = create_merchant("Alice's").test_book
    endpoints.create(book.pk, receiver.url)
    with transaction.atomic():
        tell(book)
        transaction.set_rollback(True)
    assert (Event.objects.count(), Delivery.objects.count()) == (0, 0)
    assert tell(book).sequence == 1


@committed
def test_many_at_once_get_every_number_once() -> None:
    """Nobody holds a lock of the caller's; the sequence takes its own."""
    book = create_merchant("Alice's").test_book
    start = threading.Barrier(6)

    def tell_some(_: int) -> None:
        try:
            start.wait()
            for _ in range(10):
                with transaction.atomic():
                    tell(book)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(tell_some, range(6)))
    assert list(Event.objects.order_by("pk").values_list("sequence", flat=True)) == list(range(1, 61))


@committed
def test_a_broker_that_is_down_costs_promptness_only(receiver: Receiver) -> None:
    """The commits hold and are hardly held up, though the doorbell's wire is cut; the sweep delivers."""
    book = create_merchant("Alice's").test_book
    _, secret = endpoints.create(book.pk, receiver.url)
    code = f"""
import time
import django; django.setup()
from django.db import transaction
from cryptopay.webhooks import outbox
started = time.monotonic()
for _ in range(3):
    with transaction.atomic():
        for number in range(10):
            outbox.enqueue({book.pk}, "invoice.settled", "inv_1", {{"amount": "1.00"}})
print(time.monotonic() - started)
"""
    seller = _python(code, REDIS_URL="redis://127.0.0.1:1/0")
    said, _ = seller.communicate(timeout=60)
    assert seller.returncode == 0
    assert b"webhooks.not_rung" in said
    assert float(said.split()[-1]) < 20
    assert receiver.requests == []
    assert delivering.deliver_due() == 30
    assert [event["sequence"] for event in receiver.events(secret)] == list(range(1, 31))


@committed
def test_killed_while_sending_loses_nothing(receiver: Receiver) -> None:
    """A real worker process, killed by SIGKILL between claim and record."""
    book = create_merchant("Alice's").test_book
    _, secret = endpoints.create(book.pk, receiver.url)
    receiver.answer_with(Reply(after_seconds=30))
    with transaction.atomic():
        tell(book)
        tell(book)
    worker = _python("import django; django.setup(); from cryptopay.webhooks import tasks; tasks.deliver_due()")
    try:
        receiver.wait_for(1, seconds=30)
    finally:
        worker.kill()
        worker.communicate()
    assert Attempt.objects.count() == 0
    claimed = Delivery.objects.get(sequence=1)
    assert claimed.claimed_until is not None
    assert claimed.claimed_until > timezone.now()
    assert delivering.deliver_due() == 0, "the killed worker's lease still stands"
    Lease.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert delivering.deliver_due() == 0, "the claim still stands"
    Delivery.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert delivering.deliver_due() == 2
    came = receiver.events(secret)
    assert [event["sequence"] for event in came] == [1, 1, 2]
    assert came[0]["id"] == came[1]["id"]


@committed
def test_two_workers_share_the_work_and_double_nothing(receiver: Receiver) -> None:
    book = create_merchant("Alice's").test_book
    _, secret = endpoints.create(book.pk, receiver.url)
    receiver.answer_always(Reply(after_seconds=0.02))
    with transaction.atomic():
        for number in range(30):
            tell(book, f"inv_{number % 5}")

    def work(_: int) -> int:
        try:
            return delivering.deliver_due()
        finally:
            connection.close()

    with ThreadPoolExecutor(3) as threads:
        sent = list(threads.map(work, range(3)))
    assert sorted(sent) == [0, 0, 30], "one at a time; who comes second returns at once"
    came = [(event["subject"], event["sequence"]) for event in receiver.events(secret)]
    assert len(set(came)) == len(came) == 30
    for subject in {name for name, _ in came}:
        assert [number for name, number in came if name == subject] == [1, 2, 3, 4, 5, 6]


@committed
def test_claims_of_several_workers_never_overlap(receiver: Receiver) -> None:
    """Were two workers ever at it at once, SKIP LOCKED would still keep them apart."""
    book = create_merchant("Alice's").test_book
    for _ in range(4):
        endpoints.create(book.pk, receiver.url)
    for number in range(5):
        tell(book, f"inv_{number}")
    start = threading.Barrier(4)

    def take(_: int) -> list[int]:
        try:
            start.wait()
            return [parcel.delivery_id for _ in range(5) for parcel in delivering.claim(2)]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        taken = [pk for some in threads.map(take, range(4)) for pk in some]
    assert len(taken) == len(set(taken)) > 0


def _python(code: str, **environment: str) -> subprocess.Popen[bytes]:
    """Another process on this test's database, a worker unless it says otherwise."""
    logins = {"CRYPTOPAY_LOGIN": "worker", "DJANGO_SETTINGS_MODULE": "cryptopay.settings", **urls_of_this_database()}
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, **logins, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def test_told_together_they_are_numbered_and_addressed_as_if_told_one_by_one(
    book: Book, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    every, _ = endpoints.create(book.pk, "https://shop.example/all")
    some, _ = endpoints.create(book.pk, "https://shop.example/some", ["payment.confirmed"])
    bobs = create_merchant("Bob's").live_book
    tell(book)
    with django_assert_num_queries(4), outbox.together():
        told = [tell(book), tell(book, "inv_2"), tell(book, "inv_1", "payment.confirmed"), tell(bobs)]
    assert [(event.book_id, event.subject, event.sequence) for event in told] == [
        (book.pk, "inv_1", 2),
        (book.pk, "inv_2", 1),
        (book.pk, "inv_1", 3),
        (bobs.pk, "inv_1", 1),
    ]
    assert [heard(event) for event in told] == [{every.pk}, {every.pk}, {every.pk, some.pk}, set()]
    assert [stored(event).payload["live"] for event in told] == [False, False, False, True]


@pytest.mark.parametrize("around", [nullcontext, behind])
def test_many_are_written_in_portions(
    book: Book, monkeypatch: pytest.MonkeyPatch, around: Callable[[], AbstractContextManager[None]]
) -> None:
    monkeypatch.setattr(outbox, "AT_ONCE", 3)
    endpoint, _ = endpoints.create(book.pk, "https://shop.example/all")
    with transaction.atomic(), around(), outbox.together():
        told = [tell(book, f"inv_{number % 2}") for number in range(8)]
        assert Event.objects.count() == 6
    assert [event.sequence for event in told] == [1, 1, 2, 2, 3, 3, 4, 4]
    assert [heard(event) for event in told] == [{endpoint.pk}] * 8
    assert [event.public_id for event in Event.objects.order_by("pk")] == [event.public_id for event in told]


def test_what_fails_together_tells_nobody(book: Book) -> None:
    with pytest.raises(TypeError), outbox.together():
        outbox.enqueue(book.pk, "invoice.settled", "inv_1", {"amount": tell(book).created_at.timestamp()})
    assert not Event.objects.exists()
    assert tell(book).sequence == 1
