"""Endpoints, events and deliveries over REST."""

from typing import Any

import pytest
from django.utils import timezone

from cryptopay.webhooks import delivering, endpoints, outbox
from cryptopay.webhooks.models import Attempt, Delivery, Endpoint, Event
from tests.cryptopay.api.conftest import Caller, code
from tests.cryptopay.api.test_invoices import queries, rows
from tests.receiver import Receiver, receiver

__all__ = ["receiver"]

URL = "https://shop.example/hook"


def test_an_endpoint_from_its_beginning_to_its_end(alice: Caller) -> None:
    made = alice.post("/webhook-endpoints", {"url": URL, "event_types": ["invoice.settled"]})
    assert made.status_code == 201
    body = made.json()
    assert body.pop("secret").startswith("whsec_")
    path = f"/webhook-endpoints/{body['id']}"
    assert alice.get(path).json() == body
    assert alice.get("/webhook-endpoints").json()["data"] == [body]
    changed = alice.send("PATCH", path, {"url": f"{URL}/2", "event_types": []}).json()
    assert (changed["url"], changed["event_types"]) == (f"{URL}/2", [])
    assert alice.send("DELETE", path).json()["disabled"] is True
    assert code(alice.post(f"{path}/test")) == "endpoint_disabled"
    assert alice.send("PATCH", path, {"disabled": False}).json()["disabled"] is False


def test_rotation_keeps_the_former_secret_for_a_day(alice: Caller) -> None:
    made = alice.post("/webhook-endpoints", {"url": URL}).json()
    rotated = alice.post(f"/webhook-endpoints/{made['id']}/rotate", {}).json()
    assert rotated["secret"] != made["secret"]
    assert rotated["former_secret_until"] is not None
    assert len(endpoints.signing_secrets(Endpoint.objects.get())) == 2


@pytest.mark.parametrize(
    ("body", "expected", "pointer"),
    [
        ({}, "required", "/url"),
        ({"url": "ftp://shop.example"}, "webhook_url_refused", "/url"),
        ({"url": "https://a:b@shop.example"}, "webhook_url_refused", "/url"),
        ({"url": "javascript:alert(1)"}, "webhook_url_refused", "/url"),
        ({"url": "x" * 501}, "max_length", "/url"),
        ({"url": URL, "event_types": ["*"]}, "event_type_invalid", "/event_types"),
        ({"url": URL, "event_types": "invoice.settled"}, "not_a_list", "/event_types"),
        ({"url": URL, "secret": "whsec_mine"}, "unknown_field", "/secret"),
    ],
)
def test_wrong_endpoints(alice: Caller, body: dict[str, Any], expected: str, pointer: str) -> None:
    before = rows()
    answer = alice.post("/webhook-endpoints", body)
    assert (answer.status_code, code(answer)) == (400, expected)
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert rows() == before


def test_a_half_wrong_change_changes_nothing(alice: Caller) -> None:
    made = alice.post("/webhook-endpoints", {"url": URL}).json()
    path = f"/webhook-endpoints/{made['id']}"
    answer = alice.send("PATCH", path, {"url": "https://other.example", "event_types": ["*"], "disabled": True})
    assert code(answer) == "event_type_invalid"
    assert alice.get(path).json()["url"] == URL


@pytest.mark.django_db(transaction=True)
def test_events_are_read_again_in_order(alice: Caller, order: dict[str, Any]) -> None:
    ids = [alice.post("/invoices", {**order, "order_id": str(number)}).json()["id"] for number in range(4)]
    newest = alice.get("/events").json()["data"]
    assert [event["subject"] for event in newest] == ids[::-1]
    assert {event["type"] for event in newest} == {"invoice.created"}
    caught_up = alice.get("/events", after=newest[-1]["id"], limit=2).json()
    assert [event["subject"] for event in caught_up["data"]] == ids[1:3]
    more = alice.get("/events", after=caught_up["next_cursor"], limit=2).json()
    assert ([event["subject"] for event in more["data"]], more["has_more"]) == (ids[3:], False)
    assert [event["subject"] for event in alice.get("/events", subject=ids[2]).json()["data"]] == [ids[2]]
    everything = alice.get("/events", after="start").json()["data"]
    assert everything == newest[::-1]
    assert code(alice.get("/events", after="evt_none")) == "cursor_invalid"
    assert code(alice.get("/events", cursor="evt_none")) == "cursor_invalid"
    assert code(alice.get("/events", after=newest[0]["id"], cursor=newest[0]["id"])) == "parameters_conflict"


def test_deliveries_with_their_attempts(alice: Caller, order: dict[str, Any]) -> None:
    for number in range(3):
        alice.post("/webhook-endpoints", {"url": f"{URL}/{number}"})
    alice.post("/invoices", order)
    (event,) = alice.get("/events").json()["data"]
    delivery = Delivery.objects.order_by("pk")[0]
    for number in range(25):
        Attempt.objects.create(book=alice.book, delivery=delivery, status=500 + number, milliseconds=number)
    path = f"/events/{event['id']}/deliveries"
    found = alice.get(path).json()["data"]
    assert [len(entry["attempts"]) for entry in found] == [0, 0, 20]
    assert [attempt["status"] for attempt in found[2]["attempts"]] == list(range(505, 525))
    few = queries(lambda: alice.get(path, limit=1))
    assert queries(lambda: alice.get(path)) == few


def test_redelivery(alice: Caller, order: dict[str, Any]) -> None:
    alice.post("/webhook-endpoints", {"url": URL})
    alice.post("/invoices", order)
    Delivery.objects.update(state=Delivery.State.FAILED, attempts=10, next_attempt_at=timezone.now())
    delivery = Delivery.objects.get()
    again = alice.post(f"/deliveries/{delivery.public_id}/redeliver")
    assert (again.status_code, again.json()["state"]) == (202, "waiting")
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == (Delivery.State.WAITING, 0)


def test_all_that_was_given_up_since_a_moment_is_sent_again_in_sequence(
    alice: Caller, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = alice.post("/webhook-endpoints", {"url": receiver.url}).json()
    other = alice.post("/webhook-endpoints", {"url": f"{receiver.url}/other"}).json()
    for number in range(4):
        outbox.enqueue(alice.book.pk, "invoice.settled", "inv_1", {"number": str(number)})
    Delivery.objects.filter(sequence__lte=3).update(state=Delivery.State.FAILED, attempts=10)
    Delivery.objects.filter(sequence=4, endpoint__public_id=other["id"]).update(state=Delivery.State.FAILED)
    since = Event.objects.get(sequence=2).created_at.isoformat()
    path = f"/webhook-endpoints/{made['id']}/redeliver"
    again = alice.post(path, {"since": since})
    assert (again.status_code, again.json()) == (202, {"redelivered": 2})
    delivering.deliver_due()
    assert [event["sequence"] for event in receiver.events(made["secret"])] == [2, 3, 4], "before the newer one"
    assert {request.path for request in receiver.requests} == {"/hooks"}, "the other endpoint's stay as they are"
    monkeypatch.setattr(outbox, "REDELIVERED_AT_ONCE", 1)
    assert alice.post(path, {"since": "2026-01-01T00:00:00Z"}).json() == {"redelivered": 1}
    assert alice.post(path, {"since": timezone.now().isoformat()}).json() == {"redelivered": 0}
    for body, expected in (
        ({}, "required"),
        ({"since": "yesterday"}, "invalid"),
        ({"since": since, "until": since}, "unknown_field"),
    ):
        assert code(alice.post(path, body)) == expected
    alice.send("DELETE", f"/webhook-endpoints/{made['id']}")
    assert code(alice.post(path, {"since": since})) == "endpoint_disabled"
