"""A block of 6,000 outputs against ten million watched scripts, and how much longer that takes than against a thousand.

Two databases, each with a client of its own, as the worker's login; in turns, A B A B, wall-clock time, medians.
`match_1e7_ms` is the question to PostgreSQL alone. `scan_growth_1e3_to_1e7` compares whole scans: the block's bytes
read and proved, its scripts asked for, its payments to us picked out.

`python -m tests.bench.watching fill 1000` migrates DATABASE_URL's database and stores so many watched scripts.
"""

import hashlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from cryptopay.devnet import places
from monitor.chains import CHAINS
from monitor.connectors.bitcoin_blocks import HEADER_BYTES, merkle_root, read_block
from tests.bench import clients, ledger_books

ROUNDS = 11
MANY, FEW = 10**7, 10**3
_PAYMENTS = 3000
_OURS = 10
_CHAIN = CHAINS["bitcoin"]
_BOOK = "Watching"

_WATCH = r"""
INSERT INTO monitor_watchedaddress (book_id, chain_code, address, destination, least_confirmations)
SELECT %(book)s, %(chain)s, 'address ' || n, '\x0014'::bytea || substring(sha256(n::text::bytea) FOR 20), 0
FROM generate_series(1, %(count)s::bigint) n
"""
_SET_INDEXES_ASIDE = """
UPDATE pg_index SET indisready = false, indisvalid = false WHERE indrelid = 'monitor_watchedaddress'::regclass
"""  # REINDEX brings them back: row by row they take many times as long


def measure() -> Iterator[tuple[str, float, str]]:
    """Name, value and unit of each figure."""
    with ExitStack() as stack:
        readers = []
        for name, count in (("few", FEW), ("many", MANY)):
            url = stack.enter_context(ledger_books.scratch(f"watched_{name}"))
            _prepare(url, count)
            settings = ledger_books.settings(url, login="worker")
            readers.append(stack.enter_context(clients.started(Path(sys.executable), "tests.bench.watching", settings)))
            readers[-1].order("ready", count=count)
        turns = [[reader.order("scan") for reader in readers] for _ in range(ROUNDS + 1)]
    few, many = zip(*turns[1:], strict=True)
    yield "match_1e7_ms", 1e3 * statistics.median(each["match"] for each in many), "ms"
    grown, small = (statistics.median(each["scan"] for each in column) for column in (many, few))
    yield "scan_growth_1e3_to_1e7", grown / small, "times"


def _prepare(url: str, count: int) -> None:
    """In an interpreter of its own: Django knows one database at a time."""
    subprocess.run(
        [sys.executable, "-m", "tests.bench.watching", "fill", str(count)],
        env={**os.environ, **ledger_books.settings(url, login="owner")},
        cwd=places.CHECKOUT,
        check=True,
    )


def _fill(count: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection, transaction

    from ledger.models import Book

    call_command("migrate", verbosity=0)
    book = Book.objects.create(name=_BOOK)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(_SET_INDEXES_ASIDE)
        cursor.execute(_WATCH, {"book": book.pk, "chain": _CHAIN.code, "count": count})
    with connection.cursor() as cursor:
        cursor.execute("SET maintenance_work_mem = '512MB'")
        cursor.execute("REINDEX TABLE monitor_watchedaddress")
        cursor.execute("VACUUM ANALYZE monitor_watchedaddress")


def script(number: int) -> bytes:
    """The watched script of that number, from 1 on; below, of somebody else."""
    return b"\0\x14" + hashlib.sha256(str(number).encode()).digest()[:20]


def block(ours: list[int]) -> bytes:
    """Everyday payments of two outputs, each to a script of its own; so many of them pay to us."""
    numbers = [*ours, *range(-1, len(ours) - 2 * _PAYMENTS - 1, -1)]
    paid = [b"\x10" + bytes(7) + b"\x16" + script(number) for number in numbers]
    head, marker, witness = b"\2\0\0\0", b"\0\1", b"\2\x47" + b"s" * 71 + b"\x21" + b"k" * 33
    bodies = [
        b"\1" + place.to_bytes(36, "little") + b"\0\xff\xff\xff\xff\2" + paid[2 * place] + paid[2 * place + 1]
        for place in range(_PAYMENTS)
    ]
    txids = [hashlib.sha256(hashlib.sha256(head + body + bytes(4)).digest()).digest() for body in bodies]
    header = bytes(36) + merkle_root(txids) + bytes(HEADER_BYTES - 68)
    payments = b"".join(head + marker + body + witness + bytes(4) for body in bodies)
    return header + b"\xfd" + _PAYMENTS.to_bytes(2, "little") + payments


class _Reader:
    """The client's side, in its own interpreter."""

    def ready(self, count: int) -> None:
        import django

        django.setup()
        self._ours = [1 + number * (count // _OURS) for number in range(_OURS)]
        self._raw = block(self._ours)

    def scan(self) -> dict[str, float]:
        """Seconds of the whole, and of the question alone. The block's ten payments to us must be found."""
        from monitor.watching import watched

        started = time.perf_counter()
        read = read_block(self._raw)
        destinations = list(set(read.outputs.scripts))
        asked = time.perf_counter()
        found = watched(_CHAIN, destinations)
        answered = time.perf_counter()
        paid = list(read.outputs.paying(found.keys()))
        ended = time.perf_counter()
        if {output.script for output in paid} != set(map(script, self._ours)) or len(destinations) != 2 * _PAYMENTS:
            raise RuntimeError("other payments were found than were made")
        return {"scan": ended - started, "match": answered - asked}


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["fill"]:
        _fill(int(arguments[1]))
        return
    reader = _Reader()
    orders: dict[str, Callable[..., object]] = {"ready": reader.ready, "scan": reader.scan}
    clients.serve(orders)


if __name__ == "__main__":
    main(sys.argv[1:])
