"""Events, their schemas and their page say the same."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from jsonschema_rs import Draft202012Validator, ValidationError, meta

from cryptopay.payments import event_schemas
from cryptopay.webhooks import delivering, endpoints, outbox
from cryptopay.webhooks.models import Event
from ledger.models import Book
from tests import told_events
from tests.cryptopay.payments.conftest import Ticker
from tests.cryptopay.payments.test_batches import DUE, opened
from tests.receiver import Receiver, receiver

__all__ = ["receiver"]

PAGE = Path(__file__).parents[3] / "docs" / "events.md"


def test_the_page_is_made_from_the_types() -> None:
    assert PAGE.read_text() == event_schemas.page(), "run: manage.py describe_events > docs/events.md"


@pytest.mark.parametrize("name", event_schemas.EVENTS)
def test_each_event_has_a_valid_schema_and_says_what_it_means(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    schema = event_schemas.alone(name)
    meta.validate(schema)
    assert schema["properties"]["type"] == {"const": name}
    assert len(schema["description"]) > 10
    call_command("describe_events", schema=name)
    assert name in capsys.readouterr().out


@pytest.mark.django_db
def test_what_is_delivered_is_as_described(alice: Book, bitcoin: Ticker, receiver: Receiver) -> None:
    endpoint, secret = endpoints.create(alice.pk, receiver.url)
    bitcoin.see(opened(alice, "customer"), DUE, mined=True)
    bitcoin.bury()
    bitcoin.drain()
    outbox.enqueue_test(endpoint)
    delivering.deliver_due()
    told = receiver.events(secret)
    assert {event["type"] for event in told} >= {"invoice.created", "payment.confirmed", "endpoint.test"}
    for event in told:
        told_events.check(event)
    assert [event["id"] for event in told if event["subject"] != endpoint.public_id] == list(
        Event.objects.exclude(type="endpoint.test").order_by("pk").values_list("public_id", flat=True)
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    "spoil",
    [
        lambda event: event.pop("sequence"),
        lambda event: event.update(type="chain.seen"),
        lambda event: event.update(secret="x"),
        lambda event: event["data"].pop("invoice"),
        lambda event: event["data"]["invoice"].pop("status"),
        lambda event: event["data"]["invoice"].update(status="paid"),
        lambda event: event["data"]["invoice"].update(amount=5.0),
        lambda event: event["data"]["invoice"]["methods"][0]["due"].update(base_units="1.5"),
        lambda event: event["data"]["invoice"]["methods"][0]["due"].update(wei="1"),
    ],
)
def test_the_check_notices_what_is_not_as_described(alice: Book, spoil: Any) -> None:
    opened(alice)
    event = Event.objects.get().payload
    told_events.check(event)
    spoil(event)
    with pytest.raises(ValidationError):
        told_events.check(event)


def test_schemas_refer_to_nothing_that_is_not_there() -> None:
    for name in event_schemas.EVENTS:
        Draft202012Validator(event_schemas.alone(name))
