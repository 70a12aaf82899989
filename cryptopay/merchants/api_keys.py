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

from cryptopay.merchants.errors import ApiKeyEnded, ExpiryRefused, ScopeExceeded, ScopeRefused
from cryptopay.merchants.models import ApiKey, Merchant, User
from cryptopay.merchants.permissions import scopes_given_by
from ledger import tenancy
from ledger.models import Book

ROTATION_OVERLAP = timedelta(hours=24)
LONGEST_OVERLAP = timedelta(days=7)
_SECRET_BYTES = 32
_FORM = re.compile(r"sk_(?:test|live)_[0-9a-f]{64}", re.ASCII)
_NOTED_EVERY = timedelta(minutes=1)
_M = TypeVar("_M", bound=Model)
_PARTS: dict[str, type[Model]] = {"key": ApiKey, "book": Book, "merchant": Merchant}
_COLUMNS = [f"({part}).{field.column}" for part, model in _PARTS.items() for field in model._meta.concrete_fields]
_BY_HASH = f"SELECT {', '.join(_COLUMNS)} FROM merchants_key_of_hash(%s)"  # noqa: S608
_WHY_ENDED = "SELECT merchants_why_key_ended(%s)"


def create(
    merchant: Merchant,
    label: str,
    *,
    live: bool,
    scopes: Iterable[str],
    expires_at: datetime | None = None,
    made_by: User | None = None,
    made_with: ApiKey | None = None,
) -> tuple[ApiKey, str]:
    """The key and its text, `sk_test_...` or `sk_live_...`, which reads and writes the test or the live book alone.

    `made_by` a person or `made_with` another key, for the record. Raises `ScopeRefused`, and `ScopeExceeded` where a
    person would give what they may not do themselves.
    """
    known = _checked(scopes)
    beyond = set(known) - set(scopes_given_by(made_by, merchant)) if made_by else set()
    if beyond:
        raise ScopeExceeded(f"Your role does not write into the books: {', '.join(sorted(beyond))}.", "/scopes")
    text = f"sk_{'live' if live else 'test'}_{secrets.token_hex(_SECRET_BYTES)}"
    key = ApiKey.objects.create(
        merchant=merchant,
        book=merchant.book(live=live),
        label=label,
        hint=f"{text[:8]}…{text[-4:]}",
        secret_hash=_hash(text),
        scopes=known,
        live=live,
        expires_at=expires_at,
        made_by=made_by,
        made_with=made_with,
    )
    return key, text


@transaction.atomic
def create_with(
    maker: ApiKey, label: str, scopes: Iterable[str], expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """A key that a program makes with its own: of the same book, and never with more rights or a longer life.

    It ends with its maker's at the latest, so what was made with a leaked key does not outlive it. Raises
    `ScopeRefused`, `ScopeExceeded`, `ExpiryRefused`, `ApiKeyEnded`.
    """
    known = _checked(scopes)
    living = _living(maker)
    _within(living, known)
    if expires_at is not None and expires_at <= timezone.now():
        raise ExpiryRefused("That moment has passed.", "/expires_at")
    if living.expires_at is not None and (expires_at or living.expires_at) > living.expires_at:
        raise ExpiryRefused(f"The key you ask with ends at {living.expires_at:%Y-%m-%dT%H:%M:%SZ}.", "/expires_at")
    return create(
        living.merchant,
        label,
        live=living.live,
        scopes=known,
        expires_at=expires_at or living.expires_at,
        made_with=living,
    )


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


def why_ended(text: str) -> str | None:
    """`revoked` or `expired`, for whoever has the secret of a key that was; None for what never was a key."""
    if not _FORM.fullmatch(text):
        return None
    with connection.cursor() as sql:
        sql.execute(_WHY_ENDED, [_hash(text)])
        found: str | None = sql.fetchone()[0]
    return found


def revoke(key: ApiKey, *, by: User | None = None, using: ApiKey | None = None) -> None:
    """From now on it opens nothing. Revoking twice keeps the first moment, and who did it.

    A person may revoke any key, a program one with no more rights than its own. Raises `ScopeExceeded`.
    """
    if using is not None:
        _within(using, key.scopes)
    ended = {"revoked_at": timezone.now(), "revoked_by": by, "revoked_with": using}
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(**ended)
    key.refresh_from_db(fields=[*ended])


@transaction.atomic
def rotate(key: ApiKey, overlap: timedelta = ROTATION_OVERLAP) -> tuple[ApiKey, str]:
    """A new key with the same rights; the former one works for `overlap` more (`revoke` ends it at once).

    The new one lives as long as the former was meant to. A key is rotated once: in its last hours it makes no others,
    for it may have leaked. Raises `ApiKeyEnded`.
    """
    former, now = _living(key), timezone.now()
    lifetime = former.expires_at - former.created_at if former.expires_at else None
    created = create(
        former.merchant,
        former.label,
        live=former.live,
        scopes=former.scopes,
        expires_at=now + lifetime if lifetime else None,
        made_with=former,
    )
    former.rotated_at, former.expires_at = now, min(former.expires_at or now + overlap, now + overlap)
    former.save(update_fields=["rotated_at", "expires_at"])
    key.rotated_at, key.expires_at = former.rotated_at, former.expires_at
    return created


def _living(key: ApiKey) -> ApiKey:
    """The row, held to the end of the transaction, so that nobody ends it meanwhile. Raises `ApiKeyEnded`."""
    row = ApiKey.objects.select_for_update(of=("self",), no_key=True).select_related("merchant").get(pk=key.pk)
    if row.state != ApiKey.State.ACTIVE:
        raise ApiKeyEnded("The API key was revoked or has expired. Make a new one.")
    if row.rotated_at is not None:
        raise ApiKeyEnded("The API key was rotated. Ask with the new one.")
    return row


def _within(key: ApiKey, scopes: Iterable[str]) -> None:
    if missing := sorted(set(scopes) - set(key.scopes)):
        raise ScopeExceeded(f"The key you ask with lacks: {', '.join(missing)}.", "/scopes")


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
