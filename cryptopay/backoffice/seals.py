"""How the chain of each book's journal stands: its last block, proved anew while one looks, and what is not sealed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

LATE = timedelta(minutes=10)
"""Entries are sealed each minute; older ones that are not say that nobody seals."""

# Of each book: the newest block, whether its hash and its link follow from what stands in the journal, and since when
# an entry of this server waits. A block holds about a thousand entries, however long the journal. What was recorded an
# hour before the last block is in one: row-level security lets no index be searched by transaction, but by time.
_STATE = """
    SELECT b.id, k.number, k.sealed_at,
           ledger_block_hash(k) = k.hash AND k.previous = coalesce(
               (SELECT p.hash FROM ledger_block p WHERE p.book_id = b.id AND p.number = k.number - 1), '\\x'),
           (SELECT e.recorded_at FROM ledger_journalentry e
            WHERE e.book_id = b.id AND e.node = ledger_node() AND e.xid >= coalesce(o.upto_xid, '0')
                AND e.recorded_at >= coalesce(o.sealed_at - interval '1 hour', '-infinity')
            ORDER BY e.recorded_at LIMIT 1)
    FROM ledger_book b
    LEFT JOIN LATERAL (
        SELECT * FROM ledger_block n WHERE n.book_id = b.id ORDER BY n.number DESC LIMIT 1
    ) k ON true
    LEFT JOIN LATERAL (
        SELECT n.upto_xid, n.sealed_at FROM ledger_block n WHERE n.book_id = b.id AND n.node = ledger_node()
        ORDER BY n.from_xid DESC LIMIT 1
    ) o ON true
    WHERE b.id = ANY (%s) ORDER BY b.id
"""


@dataclass(frozen=True, slots=True)
class Seal:
    """A book's chain. `intact` is None where nothing was sealed yet."""

    book_id: int
    block: int | None
    sealed_at: datetime | None
    intact: bool | None
    waits_since: datetime | None

    @property
    def late(self) -> bool:
        return self.waits_since is not None and timezone.now() - self.waits_since > LATE


def seals(book_ids: Sequence[int]) -> list[Seal]:
    """The state of these books' chains, in one query; a book without entries is left out."""
    with connection.cursor() as sql:
        sql.execute(_STATE, [list(book_ids)])
        found = [Seal(book, block, at, intact if block else None, since) for book, block, at, intact, since in sql]
    return [seal for seal in found if seal.block or seal.waits_since]
