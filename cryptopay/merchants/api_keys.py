"""API keys: made, recognised, rotated, revoked. The text is shown once; only its SHA-256 is stored.

The secret is 256 random bits, so a plain hash serves: there is nothing to guess, and finding a row by the hash of what
was sent takes a time that tells nothing of any stored secret.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from cryptopay.merchants.errors import ApiKeyEnded, ScopeRefused
from cryptopay.merchants.models import ApiKey, Merchant

ROTATION_OVERLAP = timedelta(hours=24)
_SECRET_BYTES = 32
_FORM = re.compile(r"sk_(?:test|live)_[0-9a-f]{64}", re.ASCII)
_NOTED_EVERY = timedelta(minutes=1)


def create(
    merchant: Merchant, label: str, *, live: bool, scopes: Iterable[str], expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """The key and its text, `sk_test_...` or `sk_live_...`, which reads and writes the test or the live book alone.

    Raises `ScopeRefused`.
    """
    text = f"sk_{'live' if live else 'test'}_{secrets.token_hex(_SECRET_BYTES)}"
    key = ApiKey.objects.create(
        merchant=merchant,
        book=merchant.book(live=live),
        label=label,
        hint=f"{text[:8]}…{text[-4:]}",
        secret_hash=_hash(text),
        scopes=_checked(scopes),
        live=live,
        expires_at=expires_at,
    )
    return key, text


def authenticate(text: str) -> ApiKey | None:
    """The key with its book and merchant in one query; None if it is unknown, revoked or expired, not saying which."""
    if not _FORM.fullmatch(text):
        return None
    now = timezone.now()
    key = (
        ApiKey.objects.select_related("book", "merchant")
        .filter(Q(expires_at=None) | Q(expires_at__gt=now), secret_hash=_hash(text), revoked_at=None)
        .first()
    )
    if key is not None and (key.last_used_at is None or key.last_used_at <= now - _NOTED_EVERY):
        _note_use(key, now)
    return key


def revoke(key: ApiKey) -> None:
    """From now on it opens nothing. Revoking twice keeps the first moment."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
    key.refresh_from_db(fields=["revoked_at"])


@transaction.atomic
def rotate(key: ApiKey) -> tuple[ApiKey, str]:
    """A new key with the same rights; the former one works for 24 hours more (`revoke` ends it at once).

    The new one lives as long as the former was meant to. Raises `ApiKeyEnded`.
    """
    former = ApiKey.objects.select_for_update(of=("self",), no_key=True).select_related("merchant").get(pk=key.pk)
    now = timezone.now()
    if former.revoked_at is not None or (former.expires_at is not None and former.expires_at <= now):
        raise ApiKeyEnded("The API key was revoked or has expired. Make a new one.")
    lifetime = former.expires_at - former.created_at if former.expires_at else None
    created = create(
        former.merchant,
        former.label,
        live=former.live,
        scopes=former.scopes,
        expires_at=now + lifetime if lifetime else None,
    )
    former.expires_at = min(former.expires_at or now + ROTATION_OVERLAP, now + ROTATION_OVERLAP)
    former.save(update_fields=["expires_at"])
    key.expires_at = former.expires_at
    return created


def _note_use(key: ApiKey, now: datetime) -> None:
    """At most once a minute; who finds the row locked leaves it to the one that holds it."""
    with transaction.atomic():
        free = ApiKey.objects.select_for_update(skip_locked=True, no_key=True).filter(pk=key.pk)
        if free.values_list("pk", flat=True):
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _checked(scopes: Iterable[str]) -> list[str]:
    wanted = set(scopes)
    unknown = wanted - set(ApiKey.Scope.values)
    if unknown or not wanted:
        raise ScopeRefused(f"Name at least one of: {', '.join(ApiKey.Scope.values)}.", "/scopes")
    return sorted(wanted)
