"""Endpoints: who may be told, and how their secrets are kept."""

import base64
import logging
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from cryptopay.merchants import api_keys
from cryptopay.merchants.models import ApiKey, Merchant
from cryptopay.merchants.onboarding import create_merchant
from cryptopay.webhooks import delivering, endpoints, outbox, sealing
from cryptopay.webhooks.errors import EventTypeRefused, SecretUnreadable, TooManyEndpoints, UrlRefused
from cryptopay.webhooks.models import Attempt, Delivery, Endpoint
from ledger.models import Book
from tests.receiver import Receiver, Reply

pytestmark = pytest.mark.django_db
URL = "https://shop.example/hooks"


def test_a_secret_is_256_random_bits_in_the_specifications_form(book: Book) -> None:
    _, first = endpoints.create(book.pk, URL)
    _, second = endpoints.create(book.pk, URL)
    assert first != second
    assert first.startswith("whsec_")
    assert len(base64.b64decode(first.removeprefix("whsec_"), validate=True)) == 32


def test_a_secret_is_stored_sealed_for_its_endpoint_alone(book: Book, settings: Settings) -> None:
    endpoint, text = endpoints.create(book.pk, URL)
    secret = base64.b64decode(text.removeprefix("whsec_"))
    stored = Endpoint.objects.get()
    assert secret not in bytes(stored.sealed_secret)
    assert endpoints.signing_secrets(stored) == [secret]
    other, _ = endpoints.create(book.pk, URL)
    other.sealed_secret = stored.sealed_secret
    with pytest.raises(SecretUnreadable):
        endpoints.signing_secrets(other)
    settings.KEYS_ENCRYPTION_KEY = bytes(range(32))
    with pytest.raises(SecretUnreadable):
        endpoints.signing_secrets(endpoint)


@pytest.mark.parametrize("position", [0, 11, 12, 30, -1])
def test_a_sealed_secret_with_one_changed_bit_does_not_open(position: int) -> None:
    sealed = bytearray(sealing.seal(b"s" * 32, "we_1"))
    assert sealing.unseal(bytes(sealed), "we_1") == b"s" * 32
    sealed[position] ^= 1
    with pytest.raises(SecretUnreadable):
        sealing.unseal(bytes(sealed), "we_1")


@pytest.mark.parametrize("sealed", [b"", b"short", b"x" * 12])
def test_what_is_no_ciphertext_does_not_open(sealed: bytes) -> None:
    with pytest.raises(SecretUnreadable):
        sealing.unseal(sealed, "we_1")


def test_a_second_rotation_ends_the_oldest_secret(book: Book) -> None:
    endpoint, first = endpoints.create(book.pk, URL)
    second, third = endpoints.rotate(endpoint), endpoints.rotate(endpoint)
    endpoint.refresh_from_db()
    shown = [endpoints.signing.secret_text(secret) for secret in endpoints.signing_secrets(endpoint)]
    assert shown == [third, second]
    assert first not in shown
    assert endpoint.former_secret_until is not None
    assert abs(endpoint.former_secret_until - timezone.now() - timedelta(hours=24)) < timedelta(minutes=1)


def test_urls_are_refused_with_a_code_and_a_pointer(book: Book, settings: Settings) -> None:
    settings.WEBHOOKS_TO_PRIVATE_ADDRESSES = False
    endpoint, _ = endpoints.create(book.pk, URL)
    for url in ("http://shop.example/", "https://10.0.0.1/", "https://shop.example/" + "a" * 500):
        with pytest.raises(UrlRefused) as refusal:
            endpoints.create(book.pk, url)
        assert (refusal.value.code, refusal.value.pointer) == ("webhook_url_refused", "/url")
        with pytest.raises(UrlRefused):
            endpoints.change(endpoint, url=url)
    assert Endpoint.objects.get().url == URL


@pytest.mark.parametrize(
    "name", ["", "invoice", "invoice.", ".settled", "Invoice.settled", "invoice.*", "a.b.c", "ä.b"]
)
def test_event_types_have_a_form(book: Book, name: str) -> None:
    with pytest.raises(EventTypeRefused):
        endpoints.create(book.pk, URL, [name])


def test_change_disable_enable(book: Book) -> None:
    endpoint, _ = endpoints.create(book.pk, URL, ["invoice.settled"])
    endpoints.change(endpoint, url="https://shop.example/new", event_types=["b.b", "a.a", "a.a"])
    endpoints.disable(endpoint, "too slow")
    endpoints.disable(endpoint, "a second reason")
    stored = Endpoint.objects.get()
    assert (stored.url, stored.event_types, stored.disabled_reason) == (
        "https://shop.example/new",
        ["a.a", "b.b"],
        "too slow",
    )
    assert endpoint.disabled_at == stored.disabled_at is not None
    endpoints.enable(endpoint)
    assert endpoint.disabled_at is None


def test_a_book_has_so_many_endpoints(book: Book) -> None:
    for _ in range(endpoints.MOST_ENDPOINTS):
        endpoints.create(book.pk, URL)
    with pytest.raises(TooManyEndpoints):
        endpoints.create(book.pk, URL)
    endpoints.create(create_merchant("Bob's").test_book.pk, URL)
    assert endpoints.of_book(book.pk).count() == endpoints.MOST_ENDPOINTS


def test_threat_38_no_secret_travels_or_is_written_down(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, settings: Settings
) -> None:
    """An endpoint that echoes all it was sent, another that fails; every key and secret at work; every log on."""
    caplog.set_level(logging.DEBUG)
    merchant = create_merchant("Alice's")
    keys = _keys_at_work(merchant)
    endpoint, former = endpoints.create(merchant.test_book.pk, receiver.url)
    new = endpoints.rotate(endpoint)
    receiver.answer_with(500, Reply(400, b"no"), 410)
    for subject in ("inv_1", "inv_2", "inv_3"):
        outbox.enqueue(merchant.test_book.pk, "invoice.settled", subject, {"amount": "1"})
    delivering.deliver_due()
    sent = "".join(f"{request.path} {request.headers} {request.body!r}" for request in receiver.requests)
    house = [
        settings.SECRET_KEY,
        base64.b64encode(settings.KEYS_ENCRYPTION_KEY).decode(),
        settings.KEYS_ENCRYPTION_KEY.hex(),
        *(settings.LOGINS[login]["PASSWORD"] for login in settings.LOGINS),
    ]
    assert all(len(secret) > 8 for secret in house if secret)
    rows = [*Attempt.objects.values(), *Delivery.objects.values(), *ApiKey.objects.values("label", "hint", "scopes")]
    assert len(receiver.requests) == 3
    for secret in (*keys, former, new, *filter(None, house)):
        core = secret.removeprefix("whsec_").removeprefix("sk_test_")
        for place in (sent, caplog.text, str(rows)):
            assert core not in place
            assert base64.b64decode(former.removeprefix("whsec_")).hex() not in place
    assert set(receiver.requests[0].headers) <= {
        *("host", "connection", "content-length", "content-type", "user-agent"),
        *("webhook-id", "webhook-timestamp", "webhook-signature"),
    }


def _keys_at_work(merchant: Merchant) -> list[str]:
    key, text = api_keys.create(merchant, "shop", live=False, scopes=["invoices:write"])
    _, rotated = api_keys.rotate(key)
    assert api_keys.authenticate(text)
    assert api_keys.authenticate(rotated)
    return [text, rotated]
