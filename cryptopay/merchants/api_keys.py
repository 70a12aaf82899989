"""API keys: made, recognised, rotated, revoked. The text is shown once; only its SHA-256 is stored.

The secret is 256 random bits, so a plain hash serves: there is nothing to guess, and finding a row by the hash of what
was sent takes a time that tells nothing of any stored secret.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import connection, transaction
from django.db.models import Field, Model
from django.utils import timezone

from cryptopay.merchants.errors import ApiKeyEnded, ScopeRefused
from cryptopay.merchants.models import ApiKey, Merchant
from ledger import tenancy
from ledger.models import Book

ROTATION_OVERLAP = timedelta(hours=24)
_SECRET_BYTES = 32
_FORM = re.compile(r"sk_(?:test|live)_[0-9a-f]{64}", re.ASCII)
_NOTED_EVERY = timedelta(minutes=1)
_M = TypeVar("_M", bound=Model)
_PARTS: dict[str, type[Model]] = {"key": ApiKey, "book": Book, "merchant": Merchant}
_COLUMNS = [f"({part}).{field.column}" for part, model in _PARTS.items() for field in model._meta.concrete_fields]
_BY_HASH = f"SELECT {', '.join(_COLUMNS)} FROM merchants_key_of_hash(%s)"  # noqa: S608


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
    """The key with its book and merchant in one query; None if it is unknown, revoked or expired, not saying which.

    Asks by a door in the wall, for whose book it is follows from the key.
    """
    if not _FORM.fullmatch(text):
        return None
    with connection.cursor() as sql:
        sql.execute(_BY_HASH, [_hash(text)])
        row = sql.fetchone()
    if row is None:
        return None
    values = iter(row)
    key = _loaded(ApiKey, values)
    key.book, key.merchant = _loaded(Book, values), _loaded(Merchant, values)
    return key


def note_use(key: ApiKey) -> None:
    """At most once a minute; who finds the row locked leaves it to the one that holds it."""
    now = timezone.now()
    if key.last_used_at is not None and key.last_used_at > now - _NOTED_EVERY:
        return
    with tenancy.book(key.book_id):
        free = ApiKey.objects.select_for_update(skip_locked=True, no_key=True).filter(pk=key.pk)
        if free.values_list("pk", flat=True):
            ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)


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


def _loaded(model: type[_M], values: Iterator[Any]) -> _M:
    """A row of it from the next values, one a field."""
    fields = model._meta.concrete_fields
    read = [_read(field, next(values)) for field in fields]
    return model.from_db("default", [field.attname for field in fields], read)


def _read(field: Field[Any, Any], value: Any) -> Any:
    from_database = getattr(field, "from_db_value", None)  # of JSON, which comes as text
    return value if from_database is None else from_database(value, None, connection)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _checked(scopes: Iterable[str]) -> list[str]:
    wanted = set(scopes)
    unknown = wanted - set(ApiKey.Scope.values)
    if unknown or not wanted:
        raise ScopeRefused(f"Name at least one of: {', '.join(ApiKey.Scope.values)}.", "/scopes")
    return sorted(wanted)
