"""The ledger's writes and reads, against django-hordak, bare COPY and pgbench's TPC-B on the same durable server.

Every pair runs in turns, A B A B, and the medians of the rounds are compared. CPU seconds are the client's and its
PostgreSQL process's together; entries a second are counted by the clock. All guards are on.
"""

import statistics
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.bench import clients, ledger_books, ledger_history, peers, tpcb

PEER = "django-hordak==2.0.0"
ROUNDS = 7
_TPCB_ROUNDS = 15
_SINGLES = 300
_BATCH = 1_000
_SECONDS = 5
_READS = 2_000


def measure() -> Iterator[tuple[str, float, str]]:
    """Name, value and unit of each figure."""
    with ledger_books.scratch("ledger") as books:
        ledger_books.prepare(books)
        yield from _against_hordak_and_copy(books)
        yield from _hot_against_spread(books)
        yield from _against_tpcb(books)
    yield from _balance_growth()


class _Turn(NamedTuple):
    """CPU seconds an entry in one round."""

    post: float
    barest: float
    hordak: float
    hordak_prepared: float
    batch: float
    copy: float
    hordak_load: float


def _against_hordak_and_copy(books: str) -> Iterator[tuple[str, float, str]]:
    with ledger_books.scratch("hordak") as theirs, ExitStack() as stack:
        ours = stack.enter_context(_our_client(books))
        ours.order("ready", book=ledger_books.LARGE_BOOK)
        hordak = stack.enter_context(_hordak(theirs))
        hordak.order("prepare", stored=ledger_books.STORED)
        prepared = stack.enter_context(_hordak(theirs, PREPARES="yes"))
        prepared.order("ready")
        turns = [
            _Turn(
                post=ours.order("post", count=_SINGLES),
                barest=ours.order("post_barest", count=_SINGLES),
                hordak=hordak.order("post", count=_SINGLES),
                hordak_prepared=prepared.order("post", count=_SINGLES),
                batch=ours.order("post_batch", count=_BATCH, hot=False),
                copy=ours.order("copy_last", count=_BATCH),
                hordak_load=hordak.order("load", count=_BATCH),
            )
            for _ in range(ROUNDS + 1)
        ]
    post, barest, single, prepared_single, batch, copy, load = map(statistics.median, zip(*turns[1:], strict=True))
    yield "post_cpu", 1e6 * post, "µs"
    yield "post_vs_hordak", single / post, "times"
    yield "post_vs_hordak_prepared", prepared_single / post, "times"
    yield "post_share_of_barest", 100 * barest / post, "percent"
    yield "barest_vs_hordak", single / barest, "times"
    yield "post_batch_cpu", 1e6 * batch, "µs"
    yield "post_batch_vs_hordak", single / batch, "times"
    yield "post_batch_vs_hordak_load", load / batch, "times"
    yield "post_batch_share_of_copy", 100 * copy / batch, "percent"


def _hot_against_spread(books: str) -> Iterator[tuple[str, float, str]]:
    with ExitStack() as stack:
        writers = [stack.enter_context(_our_client(books)) for _ in range(tpcb.CLIENTS)]
        for writer in writers:
            writer.order("ready", book=ledger_books.LARGE_BOOK)
        turns = [[_together(writers, hot=hot) for hot in (True, False)] for _ in range(ROUNDS + 1)]
    hot, spread = map(statistics.median, zip(*turns[1:], strict=True))
    yield "hot_per_second", hot, "/s"
    yield "hot_vs_spread", hot / spread, "times"


def _together(writers: list[clients.Client], *, hot: bool) -> float:
    for writer in writers:
        writer.send("post_for", seconds=_SECONDS, batch=100, hot=hot)
    return sum(writer.receive() for writer in writers)


def _against_tpcb(books: str) -> Iterator[tuple[str, float, str]]:
    with ledger_books.scratch("tpcb") as theirs, TemporaryDirectory() as folder:
        tpcb.initialise(theirs)
        script, variables = Path(folder) / "post.sql", ledger_books.small_books(books)
        worker = ledger_books.settings(books, login="worker")["WORKER_DATABASE_URL"]
        turns = [
            (
                tpcb.post(worker, script, _SECONDS, variables),
                tpcb.tpcb(theirs, _SECONDS),
            )
            for _ in range(_TPCB_ROUNDS + 1)
        ]
    ours, theirs_per_second = map(statistics.median, zip(*turns[1:], strict=True))
    yield "post_per_second", ours, "/s"
    yield "post_vs_tpcb", ours / theirs_per_second, "times"


def _balance_growth() -> Iterator[tuple[str, float, str]]:
    with ledger_books.scratch("short") as short, ledger_books.scratch("long") as long, ExitStack() as stack:
        readers = []
        for url, postings in ((long, 10**7), (short, 10**3)):
            ledger_history.prepare(url, entries=postings // 2)
            readers.append(stack.enter_context(_our_client(url)))
            readers[-1].order("ready", book=ledger_history.BOOK)
        turns = [[reader.order("read", count=_READS) for reader in readers] for _ in range(ROUNDS + 1)]
    grown, small = map(statistics.median, zip(*turns[1:], strict=True))
    yield "balance_read_cpu", 1e6 * grown, "µs"
    yield "balance_growth_1e3_to_1e7", grown / small, "times"


def _our_client(url: str) -> AbstractContextManager[clients.Client]:
    """As the worker's login, which every guard holds for."""
    settings = ledger_books.settings(url, login="worker")
    return clients.started(Path(sys.executable), "tests.bench.ledger_client", settings)


def _hordak(url: str, **environment: str) -> AbstractContextManager[clients.Client]:
    """With our own Django and psycopg, so that the library alone differs."""
    like_ours = [f"{name}=={version(name)}" for name in ("Django", "psycopg", "psycopg-binary")]
    return clients.started(peers.python(PEER, *like_ours), "tests.bench.hordak", {"DATABASE_URL": url, **environment})


if __name__ == "__main__":
    for name, value, unit in measure():
        print(f"{name} {value:.3f} {unit}", flush=True)
