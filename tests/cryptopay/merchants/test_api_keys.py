"""API keys: shown once, recognised, ended."""

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from cryptopay.merchants import api_keys
from cryptopay.merchants.errors import ApiKeyEnded, ScopeRefused
from cryptopay.merchants.models import ApiKey, Merchant
from cryptopay.merchants.onboarding import create_merchant

pytestmark = pytest.mark.django_db
SCOPES = [ApiKey.Scope.INVOICES_READ, ApiKey.Scope.INVOICES_WRITE]


@pytest.fixture
def alice(db: None) -> Merchant:
    return create_merchant("Alice's")


@pytest.mark.parametrize(("live", "prefix"), [(True, "sk_live_"), (False, "sk_test_")])
def test_a_key_opens_the_book_it_was_made_for(
    alice: Merchant, live: bool, prefix: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    made, text = api_keys.create(alice, "shop", live=live, scopes=SCOPES)
    assert text.startswith(prefix)
    assert len(bytes.fromhex(text.removeprefix(prefix))) == 32
    api_keys.authenticate(text)
    with django_assert_num_queries(1):
        key = api_keys.authenticate(text)
        assert key == made
        assert key is not None
        assert (key.book, key.merchant) == (alice.book(live=live), alice)
        assert key.scopes == ["invoices:read", "invoices:write"]


def test_only_the_hash_and_a_hint_are_stored(alice: Merchant) -> None:
    _, text = api_keys.create(alice, "shop", live=False, scopes=SCOPES)
    [row] = ApiKey.objects.values()
    assert bytes(row["secret_hash"]) == hashlib.sha256(text.encode()).digest()
    assert row["hint"] == f"sk_test_…{text[-4:]}"
    assert text[:-4].removeprefix("sk_test_") not in str(row)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: "sk_test_",
        lambda text: text[:-1],
        lambda text: text + "0",
        lambda text: text + "\n",
        lambda text: " " + text,
        lambda text: text.upper(),
        lambda text: text.replace("test", "live"),
        lambda text: text[:-1] + ("0" if text[-1] != "0" else "1"),
        lambda text: text + "\x00",
        lambda text: "sk_test_" + "é" * 64,
        lambda text: "sk_test_" + "٣" * 64,
        lambda text: "' OR 1=1 --",
        lambda text: hashlib.sha256(text.encode()).hexdigest(),
    ],
)
def test_anything_else_opens_nothing(alice: Merchant, change: Callable[[str], str]) -> None:
    _, text = api_keys.create(alice, "shop", live=False, scopes=SCOPES)
    assert api_keys.authenticate(change(text)) is None


def test_a_revoked_key_opens_nothing(alice: Merchant) -> None:
    key, text = api_keys.create(alice, "shop", live=False, scopes=SCOPES)
    api_keys.revoke(key)
    first = key.revoked_at
    api_keys.revoke(key)
    assert key.revoked_at == first is not None
    assert api_keys.authenticate(text) is None


def test_an_expired_key_opens_nothing(alice: Merchant) -> None:
    soon = timezone.now() + timedelta(minutes=1)
    _, text = api_keys.create(alice, "shop", live=False, scopes=SCOPES, expires_at=soon)
    assert api_keys.authenticate(text)
    ApiKey.objects.update(expires_at=timezone.now())
    assert api_keys.authenticate(text) is None


@pytest.mark.parametrize("scopes", [[], ["everything"], ["invoices:read", "*"], [""]])
def test_scopes_are_named(alice: Merchant, scopes: list[str]) -> None:
    with pytest.raises(ScopeRefused):
        api_keys.create(alice, "shop", live=False, scopes=scopes)
    assert ApiKey.objects.count() == 0


def test_rotation_keeps_rights_and_lets_the_former_key_run_out(alice: Merchant) -> None:
    key, former = api_keys.create(alice, "shop", live=True, scopes=["keys:read"])
    new_key, new = api_keys.rotate(key)
    assert (new_key.book, new_key.scopes, new_key.label, new_key.live) == (key.book, key.scopes, "shop", True)
    assert new_key.expires_at is None
    assert new != former
    assert api_keys.authenticate(former)
    assert api_keys.authenticate(new)
    assert key.expires_at is not None
    assert abs(key.expires_at - timezone.now() - timedelta(hours=24)) < timedelta(minutes=1)


def test_rotation_never_lengthens_the_former_key_and_renews_a_lifetime(alice: Merchant) -> None:
    soon = timezone.now() + timedelta(hours=1)
    key, _ = api_keys.create(alice, "shop", live=True, scopes=SCOPES, expires_at=soon)
    ApiKey.objects.update(created_at=soon - timedelta(days=90))
    new_key, _ = api_keys.rotate(key)
    key.refresh_from_db()
    assert key.expires_at == soon
    assert new_key.expires_at is not None
    assert abs(new_key.expires_at - timezone.now() - timedelta(days=90)) < timedelta(minutes=1)


def test_an_ended_key_is_not_rotated(alice: Merchant) -> None:
    key, _ = api_keys.create(alice, "shop", live=True, scopes=SCOPES)
    api_keys.revoke(key)
    with pytest.raises(ApiKeyEnded):
        api_keys.rotate(key)
    expired, _ = api_keys.create(alice, "shop", live=True, scopes=SCOPES, expires_at=timezone.now())
    with pytest.raises(ApiKeyEnded):
        api_keys.rotate(expired)
    assert ApiKey.objects.count() == 2


def test_use_is_noted_at_most_once_a_minute(alice: Merchant) -> None:
    key, text = api_keys.create(alice, "shop", live=False, scopes=SCOPES)
    _use(text)
    key.refresh_from_db()
    first = key.last_used_at
    _use(text)
    key.refresh_from_db()
    assert key.last_used_at == first is not None
    ApiKey.objects.update(last_used_at=timezone.now() - timedelta(seconds=61))
    _use(text)
    key.refresh_from_db()
    assert key.last_used_at is not None
    assert key.last_used_at >= first


def _use(text: str) -> ApiKey:
    key = api_keys.authenticate(text)
    assert key is not None
    api_keys.note_use(key)
    return key


@pytest.mark.django_db(transaction=True)
def test_noting_the_use_waits_for_nobody() -> None:
    """While one request holds the key's row in a long transaction, another still gets in."""
    key, text = api_keys.create(create_merchant("Alice's"), "shop", live=False, scopes=SCOPES)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                ApiKey.objects.select_for_update().get(pk=key.pk)
                held.set()
                done.wait(10)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        holding = threads.submit(hold)
        held.wait(10)
        with connection.cursor() as sql:
            sql.execute("SET lock_timeout = '1s'")
        assert _use(text) == key
        with connection.cursor() as sql:
            sql.execute("SET lock_timeout = 0")
        done.set()
        holding.result()
    key.refresh_from_db()
    assert key.last_used_at is None
