"""Endpoints that fail for days are switched off, and owners are told; one success in between is enough to go on."""

from collections.abc import Callable
from datetime import timedelta
from smtplib import SMTPServerDisconnected
from typing import Any

import pytest
from django.core import mail
from django.db.models import F
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from cryptopay.merchants.models import Membership, Merchant, User
from cryptopay.webhooks import delivering, endpoints, failing, outbox
from cryptopay.webhooks.models import Delivery, Endpoint
from ledger.models import Book
from tests.receiver import Receiver

pytestmark = pytest.mark.django_db
PassTime = Callable[[], None]


@pytest.fixture
def endpoint(book: Book, receiver: Receiver) -> Endpoint:
    made, _ = endpoints.create(book.pk, receiver.url)
    outbox.enqueue(book.pk, "invoice.settled", "inv_1", {"status": "settled"})
    return made


def member(book: Book, name: str, role: str) -> User:
    user = User.objects.create_user(name, email=f"{name}@example.com", is_staff=True)
    Membership.objects.create(merchant=Merchant.objects.get(test_book=book), user=user, role=role)
    return user


def fail(receiver: Receiver, pass_time: PassTime, times: int) -> None:
    for _ in range(times):
        receiver.answer_with(500)
        pass_time()
        delivering.deliver_due()


def age(endpoint: Endpoint, **by: int) -> None:
    """As if its failures had begun so much earlier."""
    Endpoint.objects.filter(pk=endpoint.pk).update(failing_since=F("failing_since") - timedelta(**by))


def test_days_of_nothing_but_failures_switch_it_off(
    endpoint: Endpoint, receiver: Receiver, pass_time: PassTime
) -> None:
    fail(receiver, pass_time, failing.LEAST_FAILURES - 1)
    age(endpoint, days=5)
    endpoint.refresh_from_db()
    assert (endpoint.failures, endpoint.disabled_at) == (9, None)
    fail(receiver, pass_time, 1)
    endpoint.refresh_from_db()
    assert endpoint.disabled_at == endpoint.given_up_at
    assert endpoint.given_up_at is not None
    assert endpoint.disabled_reason.startswith("Nothing but failures since ")
    assert endpoint.disabled_reason.endswith(" UTC: 10 attempts")


def test_less_than_the_days_are_not_enough(endpoint: Endpoint, receiver: Receiver, pass_time: PassTime) -> None:
    fail(receiver, pass_time, 1)
    age(endpoint, days=4, hours=23)
    fail(receiver, pass_time, failing.LEAST_FAILURES - 1)
    endpoint.refresh_from_db()
    assert (endpoint.failures, endpoint.disabled_at) == (10, None)


def test_one_success_begins_anew(endpoint: Endpoint, receiver: Receiver, pass_time: PassTime) -> None:
    fail(receiver, pass_time, failing.LEAST_FAILURES - 1)
    age(endpoint, days=30)
    outbox.enqueue_test(endpoint)
    receiver.answer_with(204)
    delivering.deliver_due()
    endpoint.refresh_from_db()
    assert (endpoint.failing_since, endpoint.failures) == (None, 0)
    receiver.answer_with(500)
    outbox.enqueue_test(endpoint)
    delivering.deliver_due()
    endpoint.refresh_from_db()
    assert (endpoint.failures, endpoint.disabled_at) == (1, None)
    assert endpoint.failing_since is not None
    assert endpoint.failing_since > timezone.now() - timedelta(hours=1)


def test_of_a_success_and_a_failure_at_once_the_success_counts(endpoint: Endpoint, book: Book) -> None:
    other, _ = endpoints.create(book.pk, "https://other.example/")
    failing.note([(endpoint.pk, False), (other.pk, False), (endpoint.pk, False), (other.pk, True)])
    failing.note([(endpoint.pk, False), (other.pk, True)])
    counted = {row.pk: (row.failures, row.failing_since is None) for row in Endpoint.objects.all()}
    assert counted == {endpoint.pk: (3, False), other.pk: (0, True)}


def test_with_0_days_none_is_ever_switched_off(
    endpoint: Endpoint, receiver: Receiver, pass_time: PassTime, settings: Settings
) -> None:
    settings.WEBHOOKS_GIVE_UP_AFTER_DAYS = 0
    fail(receiver, pass_time, 1)
    age(endpoint, days=300)
    fail(receiver, pass_time, failing.LEAST_FAILURES - 1)
    endpoint.refresh_from_db()
    assert endpoint.failures == 10
    assert endpoint.disabled_at is None


def test_the_owners_get_one_mail_and_nobody_else(endpoint: Endpoint, book: Book, settings: Settings) -> None:
    settings.PUBLIC_URL = "https://pay.example.com"
    member(book, "olive", "owner")
    member(book, "otto", "owner")
    member(book, "vera", "viewer")
    member(book, "gone", "owner")
    User.objects.filter(username="gone").update(is_active=False)
    endpoints.give_up(endpoint, "Answered 410")
    assert failing.tell_owners() == 1
    assert failing.tell_owners() == 0
    (sent,) = mail.outbox
    assert sent.to == ["olive@example.com", "otto@example.com"]
    assert "webhook endpoint was switched off" in sent.subject
    body = str(sent.body)
    assert endpoint.url in body
    assert "Answered 410" in body
    assert f"https://pay.example.com{reverse('admin:webhooks_endpoint_change', args=[endpoint.pk])}" in body


def test_what_a_person_disables_is_nobodys_news(endpoint: Endpoint, book: Book) -> None:
    member(book, "olive", "owner")
    endpoints.disable(endpoint, "by olive")
    endpoints.give_up(endpoint, "Answered 410")
    endpoint.refresh_from_db()
    assert (endpoint.disabled_reason, endpoint.given_up_at) == ("by olive", None)
    assert failing.tell_owners() == 0
    assert mail.outbox == []


def test_a_mail_that_does_not_leave_is_tried_again(
    endpoint: Endpoint, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    member(book, "olive", "owner")
    endpoints.give_up(endpoint, "Answered 410")

    def down(*_: Any) -> int:
        raise SMTPServerDisconnected("the mail server is away")

    with monkeypatch.context() as broken:
        broken.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", down)
        assert failing.tell_owners() == 0
    assert failing.tell_owners() == 1
    assert len(mail.outbox) == 1


def test_it_stands_on_today_and_is_enabled_and_sent_again_there(
    endpoint: Endpoint, book: Book, receiver: Receiver
) -> None:
    client = Client()
    client.force_login(member(book, "olive", "owner"))
    receiver.answer_with(410)
    delivering.deliver_due()
    today = client.get(reverse("admin:index")).content.decode()
    assert "switched off" in today
    assert "Answered 410" in today
    pages = reverse("admin:webhooks_endpoint_changelist")
    chosen = {"_selected_action": [endpoint.pk]}
    said = client.post(pages, {"action": "send_again", **chosen}, follow=True).content.decode()
    assert "The endpoint is disabled. Enable it first." in said
    said = client.post(pages, {"action": "enable", **chosen}, follow=True).content.decode()
    assert "GET /events?after=" in said
    endpoint.refresh_from_db()
    assert (endpoint.disabled_at, endpoint.given_up_at, endpoint.failing_since, endpoint.failures) == (None,) * 3 + (0,)
    said = client.post(pages, {"action": "send_again", **chosen}, follow=True).content.decode()
    assert "1 webhooks begin again" in said
    delivering.deliver_due()
    assert Delivery.objects.get().state == Delivery.State.DELIVERED
    assert "switched off" not in client.get(reverse("admin:index")).content.decode()
