"""`manage.py trigger`: every event at will, in test books alone, and honest about what it is."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from cryptopay.merchants.onboarding import create_merchant
from cryptopay.payments import event_schemas
from cryptopay.payments.models import ChainNotice, Invoice, Payment
from cryptopay.webhooks import endpoints
from cryptopay.webhooks.models import Event
from ledger.models import Book, JournalEntry, PeriodChange
from tests import told_events

pytestmark = pytest.mark.django_db


@pytest.fixture
def book() -> Book:
    """Without a key, a rate or a node: as a newcomer's is."""
    return create_merchant("Alice's").test_book


def trigger(name: str, book: Book) -> list[str]:
    said = StringIO()
    call_command("trigger", name, book=book.pk, stdout=said)
    return said.getvalue().split()


@pytest.mark.parametrize("name", sorted(set(event_schemas.EVENTS) - {"endpoint.test"}))
def test_each_event_is_made_as_described_and_says_that_it_is_an_example(name: str, book: Book) -> None:
    said = trigger(name, book)
    told = list(Event.objects.filter(book=book).order_by("pk"))
    for event in told:
        told_events.check(event.payload)
    assert said == [word for event in told for word in (event.type, event.subject)]
    assert told[-1].type == name
    assert told[-1].payload.get("example", False) == (name != "invoice.created")
    if name.startswith(("invoice.", "payment.")):
        invoice = Invoice.objects.get(book=book)
        assert [(event.subject, event.sequence) for event in told] == [
            (invoice.public_id, number + 1) for number in range(len(told))
        ]
        assert ("example" not in told[0].payload, invoice.status) == (True, "new")
    for model in (Payment, ChainNotice, PeriodChange, JournalEntry):
        assert not model._default_manager.exists(), "nothing else has happened"


def test_an_invoices_example_stands_as_the_event_says(book: Book) -> None:
    trigger("invoice.settled", book)
    data = Event.objects.get(type="invoice.settled").payload["data"]
    assert data["invoice"]["status"] == "settled"
    assert data["invoice"]["methods"][0]["remaining"]["base_units"] == "0"
    trigger("payment.confirmed", book)
    data = Event.objects.get(type="payment.confirmed").payload["data"]
    assert (data["payment"]["state"], data["payment"]["invoice_id"]) == ("confirmed", data["invoice"]["id"])


def test_a_trial_of_endpoints_goes_to_each(book: Book) -> None:
    with pytest.raises(CommandError, match="no enabled endpoint"):
        trigger("endpoint.test", book)
    made = {endpoints.create(book.pk, f"https://shop.example/{number}")[0].public_id for number in range(2)}
    assert set(trigger("endpoint.test", book)) == made | {"endpoint.test"}


def test_live_books_are_told_no_examples() -> None:
    live = create_merchant("Alice's").live_book
    for name in event_schemas.EVENTS:
        with pytest.raises(CommandError, match="is a live book"):
            trigger(name, live)
    assert not Event.objects.exists()
    assert not Invoice.objects.exists()


def test_which_book_is_asked_where_it_is_not_clear(book: Book) -> None:
    call_command("trigger", "invoice.created", stdout=StringIO())
    assert Event.objects.get().book == book, "the only test book"
    other = create_merchant("Bob's").test_book
    with pytest.raises(CommandError, match=rf"--book: {book.pk} .*, {other.pk} "):
        call_command("trigger", "invoice.created")
    with pytest.raises(CommandError, match="There is no event"):
        trigger("invoice.paid", book)
