"""What one person asks and another decides: the rules that manual entries, reversals and periods share.

`ledger.manual` and `ledger.periods` ask; `ledger.proposals` decides and has them carry it out.
"""

import unicodedata
from typing import Any

from django.db import connection

from ledger.errors import IdempotencyConflict, ReasonMissing
from ledger.models import Proposal

_LOCK = 7265


def ask(book_id: int, kind: Proposal.Kind, contents: dict[str, Any], *, reason: str, by: str) -> Proposal:
    """Put it before another person. Call it under `alone` if `contents` has an `idem`: the same twice is asked once.

    Raises `IdempotencyConflict`, `ReasonMissing`.
    """
    known = find(book_id, contents["idem"]) if contents.get("idem") else None
    if known is None:
        return Proposal.objects.create(
            book_id=book_id, kind=kind, contents=contents, reason=given(reason), asked_by=named(by)
        )
    if (known.kind, known.contents) != (kind, contents):
        raise IdempotencyConflict(f"{contents['idem']} was asked with other contents")
    return known


def find(book_id: int, idem: str) -> Proposal | None:
    """What was asked under that key."""
    return Proposal.objects.filter(book_id=book_id, contents__idem=idem).first()


def alone(book_id: int) -> None:
    """Until the commit nobody else asks or decides in this book. Taken before the lock of the book's period."""
    with connection.cursor() as sql:
        sql.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, book_id])


def given(reason: str) -> str:
    """Raises `ReasonMissing`."""
    if not reason.strip():
        raise ReasonMissing("say why")
    return reason.strip()


def named(person: str) -> str:
    """Raises `ValueError`: nothing is written by nobody."""
    if not person.strip():
        raise ValueError("somebody has a name")
    return person


def same_person(one: str, other: str) -> bool:
    """Names that differ only in case, width or blanks around them are one person's: else "bob" could approve "Bob"."""
    return _plain(one) == _plain(other)


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()
