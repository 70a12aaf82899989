"""Deliveries to real HTTP receivers: order, retries, and what a bad receiver may cost the others."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone
from standardwebhooks import WebhookVerificationError

from cryptopay.merchants.onboarding import create_merchant
from cryptopay.webhooks import delivering, endpoints, outbox
from cryptopay.webhooks.errors import EndpointDisabled
from cryptopay.webhooks.models import Attempt, Delivery, Endpoint
from ledger.models import Book
from tests.receiver import Receiver, Reply

pytestmark = pytest.mark.django_db
State = Delivery.State


def tell(book: Book, subject: str = "inv_1", *, number: int = 1) -> None:
    for _ in range(number):
        outbox.enqueue(book.pk, "invoice.settled", subject, {"invoice": {"id": subject, "paid": "0.10"}})


def test_an_event_arrives_signed_for_the_public_verifier(book: Book, receiver: Receiver) -> None:
    _, secret = endpoints.create(book.pk, receiver.url)
    tell(book)
    assert delivering.deliver_due() == 1
    event = receiver.events(secret)[0]
    assert event["type"] == "invoice.settled"
    assert event["data"] == {"invoice": {"id": "inv_1", "paid": "0.10"}}
    assert (event["sequence"], event["subject"], event["live"]) == (1, "inv_1", False)
    assert receiver.requests[0].headers["webhook-id"] == event["id"]
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts, delivery.claimed_until) == (State.DELIVERED, 1, None)
    assert delivery.log.get().status == 204


def test_events_of_one_subject_arrive_in_order(book: Book, receiver: Receiver) -> None:
    _, secret = endpoints.create(book.pk, receiver.url)
    tell(book, "inv_1", number=6)
    tell(book, "inv_2", number=6)
    assert delivering.deliver_due() == 12
    came = [(event["subject"], event["sequence"]) for event in receiver.events(secret)]
    for subject in ("inv_1", "inv_2"):
        assert [number for name, number in came if name == subject] == [1, 2, 3, 4, 5, 6]


def test_a_refused_event_holds_back_its_own_subject_only(
    book: Book, receiver: Receiver, pass_time: Callable[[], None]
) -> None:
    _, secret = endpoints.create(book.pk, receiver.url)
    receiver.answer_with(500)
    tell(book, "inv_1")
    delivering.deliver_due()
    tell(book, "inv_1")
    tell(book, "inv_2", number=2)
    delivering.deliver_due()
    assert [(e["subject"], e["sequence"]) for e in receiver.events(secret)[1:]] == [("inv_2", 1), ("inv_2", 2)]
    pass_time()
    delivering.deliver_due()
    assert [(e["subject"], e["sequence"]) for e in receiver.events(secret)[3:]] == [("inv_1", 1), ("inv_1", 2)]


def test_retries_follow_the_schedule_then_give_up_and_the_next_event_goes_on(
    book: Book, receiver: Receiver, pass_time: Callable[[], None]
) -> None:
    endpoints.create(book.pk, receiver.url)
    tell(book, number=2)
    receiver.answer_with(*[503] * 10)
    waits = []
    for _ in range(9):
        delivering.deliver_due()
        first = Delivery.objects.get(sequence=1)
        waits.append((first.next_attempt_at - timezone.now()).total_seconds())
        pass_time()
    for wait, scheduled in zip(waits, [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400], strict=True):
        assert scheduled * 0.99 - 2 <= wait <= scheduled * 1.1
    assert len(receiver.requests) == 9
    delivering.deliver_due()
    assert list(Delivery.objects.order_by("sequence").values_list("state", "attempts")) == [
        (State.FAILED, 10),
        (State.DELIVERED, 1),
    ]
    assert Attempt.objects.count() == 11
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 2
    assert len({request.body for request in receiver.requests}) == 2


def test_410_disables_the_endpoint_and_gives_up_what_waits(book: Book, receiver: Receiver) -> None:
    endpoint, _ = endpoints.create(book.pk, receiver.url)
    receiver.answer_with(410)
    tell(book, number=3)
    delivering.deliver_due()
    delivering.deliver_due()
    endpoint.refresh_from_db()
    assert endpoint.disabled_at is not None
    assert endpoint.disabled_reason == "Answered 410"
    assert len(receiver.requests) == 1
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.FAILED}
    tell(book)
    assert Delivery.objects.count() == 3, "a disabled endpoint gets no further deliveries"


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [("7200", 7190, 7200), ("99999999999999", 86390, 86400), ("1", 3, 6), ("nonsense", 3, 6), ("-5", 3, 6)],
)
def test_retry_after_lengthens_the_wait_within_a_bound(
    book: Book, receiver: Receiver, asked: str, least: int, most: int
) -> None:
    endpoints.create(book.pk, receiver.url)
    receiver.answer_with(Reply(429, headers={"Retry-After": asked}))
    tell(book)
    delivering.deliver_due()
    wait = (Delivery.objects.get().next_attempt_at - timezone.now()).total_seconds()
    assert least <= wait <= most


def test_a_redirect_is_not_followed(book: Book, receiver: Receiver, second_receiver: Receiver) -> None:
    endpoints.create(book.pk, receiver.url)
    receiver.answer_with(*(Reply(status, headers={"Location": second_receiver.url}) for status in (301, 302, 307, 308)))
    for subject in ("inv_1", "inv_2", "inv_3", "inv_4"):
        tell(book, subject)
    delivering.deliver_due()
    assert len(receiver.requests) == 4
    assert second_receiver.requests == []
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.WAITING}
    assert sorted(Attempt.objects.values_list("status", flat=True)) == [301, 302, 307, 308]


def test_a_hanging_endpoint_costs_nobody_else(book: Book, receiver: Receiver, second_receiver: Receiver) -> None:
    endpoints.create(book.pk, receiver.url, ["invoice.settled"])
    endpoints.create(book.pk, second_receiver.url, ["invoice.settled"])
    receiver.answer_always(Reply(after_seconds=3))
    for number in range(20):
        tell(book, f"inv_{number}")
    started = time.time()
    delivering.deliver_due(run_seconds=1)
    assert len(second_receiver.requests) == 20
    assert max(request.at for request in second_receiver.requests) - started < 2
    assert receiver.in_flight_at_most == len(receiver.requests) == delivering.PER_ENDPOINT


def test_a_book_has_only_its_share_in_flight(book: Book, receiver: Receiver, second_receiver: Receiver) -> None:
    """Alice's many hanging endpoints leave threads for Bob's."""
    for _ in range(6):
        endpoints.create(book.pk, receiver.url)
    receiver.answer_always(Reply(after_seconds=2))
    bobs = create_merchant("Bob's").test_book
    endpoints.create(bobs.pk, second_receiver.url)
    for number in range(10):
        tell(book, f"inv_{number}")
    tell(bobs, "inv_1")
    delivering.deliver_due(run_seconds=0.5)
    assert receiver.in_flight_at_most == delivering.PER_BOOK
    assert len(second_receiver.requests) == 1


def test_slow_drops_do_not_outlast_the_deadline(
    book: Book, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = delivering.egress.post
    monkeypatch.setattr(delivering.egress, "post", lambda *request: post(*request, total_seconds=1))
    endpoints.create(book.pk, receiver.url)
    receiver.answer_with(Reply(body=b"x" * 100, drip_seconds=0.3))
    tell(book)
    started = time.monotonic()
    delivering.deliver_due()
    assert time.monotonic() - started < 20, "all the drops take 30 s"
    assert Attempt.objects.get().error == "no answer within 1 seconds"


def test_nobody_listens(book: Book, receiver: Receiver) -> None:
    url = receiver.url
    receiver.stop()
    endpoints.create(book.pk, url)
    tell(book)
    delivering.deliver_due()
    attempt = Attempt.objects.get()
    assert attempt.status is None
    assert "refused" in attempt.error
    assert Delivery.objects.get().state == State.WAITING


def test_a_long_or_odd_answer_is_kept_in_part(book: Book, receiver: Receiver) -> None:
    endpoints.create(book.pk, receiver.url)
    receiver.answer_with(Reply(200, b"\x00\xff<script>" + b"a" * 5_000_000))
    tell(book)
    delivering.deliver_due()
    answer = Attempt.objects.get().answer
    assert answer.startswith("?\ufffd<script>")
    assert len(answer) == 500
    assert Delivery.objects.get().state == State.DELIVERED


def test_a_claim_without_a_record_only_delays(book: Book, receiver: Receiver) -> None:
    """Killed between claim and record: the event is sent again once the claim has run out."""
    endpoints.create(book.pk, receiver.url)
    tell(book, number=2)
    assert len(delivering.claim(10)) == 1
    assert delivering.deliver_due() == 0, "claimed: neither it nor its successor is due"
    assert Delivery.objects.get(sequence=1).claimed_until > timezone.now() + timedelta(seconds=50)  # type: ignore[operator]
    Delivery.objects.filter(sequence=1).update(claimed_until=timezone.now())
    assert delivering.deliver_due() == 2


def test_a_record_that_comes_late_does_not_undo_what_happened_since(book: Book, receiver: Receiver) -> None:
    endpoints.create(book.pk, receiver.url)
    tell(book)
    [late] = delivering.claim(10)
    Delivery.objects.update(claimed_until=timezone.now())
    delivering.deliver_due()
    delivering.record([(late, delivering.Outcome(None, "", "timed out", "", 15_000))])
    assert Delivery.objects.get().state == State.DELIVERED
    assert Attempt.objects.count() == 2


def test_both_secrets_sign_during_a_rotation(book: Book, receiver: Receiver) -> None:
    endpoint, former = endpoints.create(book.pk, receiver.url)
    new = endpoints.rotate(endpoint)
    assert new != former
    tell(book)
    delivering.deliver_due()
    assert receiver.events(former) == receiver.events(new)
    assert len(receiver.requests[0].headers["webhook-signature"].split(" ")) == 2
    Endpoint.objects.update(former_secret_until=timezone.now())
    tell(book)
    delivering.deliver_due()
    assert receiver.requests[1].verified(new)
    assert len(receiver.requests[1].headers["webhook-signature"].split(" ")) == 1


def test_threat_37_what_was_delivered_cannot_be_forged_or_given_to_another(
    book: Book, receiver: Receiver, second_receiver: Receiver
) -> None:
    """Each part of a real delivery is changed in turn; and two endpoints of one book do not accept each other's."""
    _, secret = endpoints.create(book.pk, receiver.url)
    _, other_secret = endpoints.create(book.pk, second_receiver.url)
    tell(book, number=2)
    delivering.deliver_due()
    first, second = receiver.requests
    assert first.verified(secret)["book"] == f"book_{book.pk}", "whose it is stands under the signature"
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        moved = {**first.headers, name: second.headers[name]}
        if moved != first.headers:
            with pytest.raises(WebhookVerificationError):
                replace(first, headers=moved).verified(secret)
        without = {key: value for key, value in first.headers.items() if key != name}
        with pytest.raises(WebhookVerificationError):
            replace(first, headers=without).verified(secret)
    old = str(int(first.headers["webhook-timestamp"]) - 301)
    forged = [
        replace(first, body=first.body.replace(b"0.10", b"9.10")),
        replace(first, body=second.body),
        replace(first, headers={**first.headers, "webhook-timestamp": old}),
        second_receiver.requests[0],
    ]
    for request in forged:
        with pytest.raises(WebhookVerificationError):
            request.verified(secret)
    assert second_receiver.requests[0].verified(other_secret)


def test_an_unreadable_secret_holds_up_no_other_endpoint(
    book: Book, receiver: Receiver, second_receiver: Receiver
) -> None:
    broken, _ = endpoints.create(book.pk, receiver.url)
    endpoints.create(book.pk, second_receiver.url)
    Endpoint.objects.filter(pk=broken.pk).update(sealed_secret=b"x" * 60)
    tell(book)
    delivering.deliver_due()
    assert (len(receiver.requests), len(second_receiver.requests)) == (0, 1)
    assert "altered" in Attempt.objects.get(delivery__endpoint=broken).error


def test_redelivery_begins_anew_outside_the_order(
    book: Book, receiver: Receiver, pass_time: Callable[[], None]
) -> None:
    endpoint, secret = endpoints.create(book.pk, receiver.url)
    tell(book, number=2)
    delivering.deliver_due()
    receiver.answer_with(500)
    outbox.redeliver(Delivery.objects.get(sequence=1))
    delivering.deliver_due()
    tell(book)
    delivering.deliver_due()
    assert [event["sequence"] for event in receiver.events(secret)] == [1, 2, 1, 3], (
        "3 does not wait for the redelivery"
    )
    pass_time()
    delivering.deliver_due()
    assert [event["sequence"] for event in receiver.events(secret)][4:] == [1]
    endpoints.disable(endpoint, "for the test")
    with pytest.raises(EndpointDisabled):
        outbox.redeliver(Delivery.objects.get(sequence=1))


def test_redelivering_what_still_waits_keeps_its_place(book: Book, receiver: Receiver) -> None:
    _, secret = endpoints.create(book.pk, receiver.url)
    receiver.answer_with(500)
    tell(book, number=2)
    delivering.deliver_due()
    outbox.redeliver(Delivery.objects.get(sequence=1))
    delivering.deliver_due()
    assert [event["sequence"] for event in receiver.events(secret)] == [1, 1, 2]


def test_a_sweep_does_nothing_where_nothing_is_due(book: Book) -> None:
    assert delivering.deliver_due() == 0
