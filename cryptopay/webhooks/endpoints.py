"""Where a merchant hears of events. A secret is shown once, when it is made; it is stored sealed."""

import secrets
from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from cryptopay.webhooks import egress, sealing, signing
from cryptopay.webhooks.errors import EventTypeRefused, TooManyEndpoints, UrlRefused
from cryptopay.webhooks.models import Endpoint
from ledger.models import Book

MOST_ENDPOINTS = 16
FORMER_SECRET_SIGNS_FOR = timedelta(hours=24)
LONGEST_URL = 500
_SECRET_BYTES = 32
_EVENT_TYPE_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz_")


def create(book_id: int, url: str, event_types: Sequence[str] = ()) -> tuple[Endpoint, str]:
    """The endpoint and its secret (`whsec_...`). No event types: all of them.

    Raises `UrlRefused`, `EventTypeRefused`, `TooManyEndpoints`.
    """
    endpoint = Endpoint(book_id=book_id, url=_checked_url(url), event_types=_checked_types(event_types))
    secret = _new_secret(endpoint)
    with transaction.atomic():
        Book.objects.select_for_update(no_key=True).get(pk=book_id)  # two requests at once must see each other's
        if of_book(book_id).count() >= MOST_ENDPOINTS:
            raise TooManyEndpoints(f"A book has at most {MOST_ENDPOINTS} endpoints. Change one of them.")
        endpoint.save()
    return endpoint, signing.secret_text(secret)


def of_book(book_id: int) -> QuerySet[Endpoint]:
    """The book's endpoints, the newest first."""
    return Endpoint.objects.filter(book_id=book_id).order_by("-pk")


def change(endpoint: Endpoint, *, url: str | None = None, event_types: Sequence[str] | None = None) -> None:
    """Waiting deliveries go to the new URL. Raises `UrlRefused`, `EventTypeRefused`."""
    if url is not None:
        endpoint.url = _checked_url(url)
    if event_types is not None:
        endpoint.event_types = _checked_types(event_types)
    endpoint.save(update_fields=["url", "event_types"])


def rotate(endpoint: Endpoint) -> str:
    """A new secret; for 24 hours every delivery is signed with the former one, too. A still older one ends now."""
    with transaction.atomic():
        stored = Endpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk)
        endpoint.sealed_former_secret = stored.sealed_secret
        endpoint.former_secret_until = timezone.now() + FORMER_SECRET_SIGNS_FOR
        secret = _new_secret(endpoint)
        endpoint.save(update_fields=["sealed_secret", "sealed_former_secret", "former_secret_until"])
    return signing.secret_text(secret)


def disable(endpoint: Endpoint, reason: str) -> None:
    """Nothing is sent any more; what waits is given up at the next sweep and can be redelivered later."""
    Endpoint.objects.filter(pk=endpoint.pk, disabled_at=None).update(disabled_at=Now(), disabled_reason=reason[:200])
    endpoint.refresh_from_db(fields=["disabled_at", "disabled_reason"])


def give_up(endpoint: Endpoint, reason: str) -> None:
    """Disabled by ourselves: the merchant's owners are told (`failing.tell_owners`)."""
    disable(endpoint, reason)
    Endpoint.objects.filter(pk=endpoint.pk, disabled_reason=reason[:200]).update(given_up_at=F("disabled_at"))


def enable(endpoint: Endpoint) -> None:
    """Events from now on are sent again; what failed before is forgotten."""
    Endpoint.objects.filter(pk=endpoint.pk).update(
        disabled_at=None, disabled_reason="", failing_since=None, failures=0, given_up_at=None, owners_told_at=None
    )
    endpoint.refresh_from_db()


def signing_secrets(endpoint: Endpoint) -> list[bytes]:
    """The secrets that sign now, the newest first. Raises `SecretUnreadable`."""
    found = [endpoint.sealed_secret]
    if endpoint.sealed_former_secret and endpoint.former_secret_until and endpoint.former_secret_until > timezone.now():
        found.append(endpoint.sealed_former_secret)
    return [sealing.unseal(bytes(sealed), endpoint.public_id) for sealed in found]


def _new_secret(endpoint: Endpoint) -> bytes:
    secret = secrets.token_bytes(_SECRET_BYTES)
    endpoint.sealed_secret = sealing.seal(secret, endpoint.public_id)
    return secret


def _checked_url(url: str) -> str:
    if len(url) > LONGEST_URL:
        raise UrlRefused(f"A URL has at most {LONGEST_URL} characters.", "/url")
    egress.check_url(url)
    return url


def _checked_types(event_types: Sequence[str]) -> list[str]:
    for name in event_types:
        noun, _, verb = name.partition(".")
        if not noun or not verb or not set(noun + verb) <= _EVENT_TYPE_CHARACTERS:
            raise EventTypeRefused(f"{name[:64]!r} is not an event type, such as invoice.settled.", "/event_types")
    return sorted(set(event_types))
