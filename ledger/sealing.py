"""Seals what is written into the SHA-256 chain of its book, after the fact: writers never wait for it.

    seal(book_id)       one book's closed entries; how many
    seal_all()          every book's
    export(book_id)     the chain as the lines that were hashed, for `ledger.verifying` and for strangers

A block takes only transactions that have ended, and below the oldest that has not: none can appear under the cut later.
"""

import json
from collections.abc import Iterator, Sequence

from django.db import connection, transaction

from ledger.errors import LedgerError
from ledger.journal import ledger_errors

ENTRIES_A_BLOCK = 1000
BLOCKS_A_FETCH = 8

# Per book and server: is there an entry behind the last block? Two looks into an index each, however long the journal.
# A server behind what is sealed is found, too: ledger_seal says what is wrong.
_WAITING = """
    WITH RECURSIVE book AS (
        SELECT id FROM ledger_book WHERE %(book)s::bigint IS NULL OR id = %(book)s::bigint
    ), writer AS (
        SELECT b.id AS book_id, (SELECT min(e.node) FROM ledger_journalentry e WHERE e.book_id = b.id) AS node
        FROM book b
        UNION ALL
        SELECT w.book_id,
               (SELECT min(e.node) FROM ledger_journalentry e WHERE e.book_id = w.book_id AND e.node > w.node)
        FROM writer w WHERE w.node IS NOT NULL
    ), sealed AS (
        SELECT w.book_id, w.node, coalesce((
            SELECT k.upto_xid FROM ledger_block k
            WHERE k.book_id = w.book_id AND k.node = w.node ORDER BY k.from_xid DESC LIMIT 1
        ), '0') AS upto
        FROM writer w WHERE w.node IS NOT NULL
    )
    SELECT s.book_id, s.node FROM sealed s
    WHERE EXISTS (
        SELECT 1 FROM ledger_journalentry e WHERE e.book_id = s.book_id AND e.node = s.node AND e.xid >= s.upto
    ) OR s.node = ledger_node() AND s.upto > pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY s.book_id, s.node
"""
_BLOCKS = """
    SELECT ledger_block_text(b), ARRAY(
        SELECT l.line FROM ledger_entry_lines(b.book_id, b.node, b.from_xid, b.upto_xid) l ORDER BY l.entry_id
    ), b.number, encode(b.hash, 'hex')
    FROM ledger_block b WHERE b.book_id = %s ORDER BY b.number
"""


def seal(book_id: int) -> int:
    """Seal what has ended in this book; how many entries. Raises `SealedAhead` if a restored server counts anew."""
    return _seal(_waiting(book_id))


def seal_all() -> int:
    """Every book's. One that cannot be sealed holds up no other; then its `SealedAhead` is raised."""
    return _seal(_waiting(None))


def export(book_id: int) -> Iterator[str]:
    """A block's line, then its entries' lines, exactly as they were hashed; at last the hash of the newest block.

    One snapshot; a few blocks at a time are held in memory.
    """
    number, head = 0, ""
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(_BLOCKS, [book_id])
        while blocks := cursor.fetchmany(BLOCKS_A_FETCH):
            for line, entries, number, head in blocks:  # noqa: B007 - the last one's stand in the closing line
                yield line
                yield from entries
    yield json.dumps({"head": head, "blocks": number})


def _seal(waiting: Sequence[tuple[int, int]]) -> int:
    sealed, failure = 0, None
    for book_id, node in waiting:
        try:
            while entries := _seal_block(book_id, node):
                sealed += entries
        except LedgerError as error:
            failure = failure or error
    if failure:
        raise failure
    return sealed


def _waiting(book_id: int | None) -> list[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, {"book": book_id})
        return list(cursor.fetchall())


def _seal_block(book_id: int, node: int) -> int:
    """Each block is a commit of its own."""
    with ledger_errors(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT ledger_seal(%s, %s, %s)", [book_id, node, ENTRIES_A_BLOCK])
        return int(cursor.fetchone()[0])
