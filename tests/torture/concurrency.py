"""Many writers at once on the same accounts, while the journal is sealed and periods are closed under them."""

import multiprocessing
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path

from django.core.management import call_command, get_commands
from django.db import connection

from cryptopay.devnet import places
from ledger.models import JournalEntry
from tests.closing import change
from tests.torture import attempts, audit, books, server, writers
from tests.torture.attempts import Attempt
from tests.torture.books import TrialBook

ENTRIES = 200_000
WRITERS = 12
_FORK = multiprocessing.get_context("fork")
_SEAL = "SELECT ledger_seal(%s, 0, 2000)"


def run(cases: int | None = None) -> None:
    """`cases` entries in all. Raises `AssertionError` if any was lost, doubled, half-written or wrongly refused."""
    wanted = cases or ENTRIES
    hot, spread = books.open_books(1, customers=2), books.open_books(2, customers=60)
    seed = random.randrange(2**32)
    print(f"concurrency_seed {seed} number")
    with witness_folder() as folder:
        taken = _under_load([*hot, *spread], folder, wanted, seed)
        seen = attempts.read(folder)
    demand_nothing_wrong([*hot, *spread], seen)
    _print(seen, taken)


def new_event() -> Event:
    """Tells processes that it is over."""
    return _FORK.Event()


def _under_load(trial_books: Sequence[TrialBook], folder: Path, wanted: int, seed: int) -> float:
    """Seconds it took."""
    count, stop = (WRITERS if wanted >= ENTRIES // 10 else 4), new_event()
    parties = [
        writers.Writer(f"w{n}", trial_books, folder, random.Random(seed + n), enough=wanted // count)
        for n in range(count)
    ]
    start = time.monotonic()
    aside = [started(_keep_sealing, trial_books, stop) for _ in range(2)]
    aside.append(started(_keep_closing, trial_books[-1].id, stop))
    writing = [started(party.run, new_event()) for party in parties]
    for process in writing:
        process.join()
    taken = time.monotonic() - start
    stop.set()
    for process in aside:
        process.join()
    assert all(process.exitcode == 0 for process in (*writing, *aside)), "a writer, the sealer or the closer failed"
    return taken


def started(work: Callable[..., None], *arguments: object) -> BaseProcess:
    """In a process of its own, with a connection of its own."""
    connection.close()
    process = _FORK.Process(target=work, args=arguments)
    process.start()
    return process


@contextmanager
def witness_folder() -> Iterator[Path]:
    folder = places.temporary_folder("witness")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _keep_sealing(trial_books: Sequence[TrialBook], stop: Event) -> None:
    while not stop.is_set():
        seal(book.id for book in trial_books)
        time.sleep(0.05)


def seal(book_ids: Iterator[int]) -> None:
    """Until nothing is left that may be sealed."""
    for book_id in book_ids:
        sealed = 1
        while sealed:
            with connection.cursor() as cursor:
                cursor.execute(_SEAL, [book_id])
                sealed = cursor.fetchone()[0]


def _keep_closing(book_id: int, stop: Event) -> None:
    """Closes a day more, and everything is open again now and then."""
    rng, today = random.Random(book_id), datetime.now(UTC).date()
    while not stop.wait(0.2):
        through = today - timedelta(days=rng.randint(1, 360)) if rng.random() < 0.7 else None
        change(book_id, through, reason="A trial")


def demand_nothing_wrong(trial_books: Sequence[TrialBook], seen: list[Attempt]) -> None:
    """By an auditor of our own and by the ledger's own proofs; with every entry sealed."""
    url, ids = server.current().url, [book.id for book in trial_books]
    seal(iter(ids))
    wrong = [*audit.invariants(url, ids), *audit.witnessed(url, seen, ids)]
    open_ended = JournalEntry.objects.filter(book__in=ids).count() - _sealed(ids)
    wrong += [f"{open_ended} entries are in no block"] if open_ended else []
    wrong += own_proofs()
    assert not wrong, "\n".join(["the books are wrong:", *wrong])


def _sealed(ids: list[int]) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(sum(entries), 0) FROM ledger_block WHERE book_id = ANY(%s)", [ids])
        return int(cursor.fetchone()[0])


def own_proofs() -> list[str]:
    """What `check_ledger` finds."""
    if "check_ledger" not in get_commands():
        return []
    said = StringIO()
    try:
        call_command("check_ledger", stdout=said, stderr=said)
    except (SystemExit, Exception) as refusal:  # whatever it says is a finding
        return [f"check_ledger: {refusal!r} {said.getvalue()}"] if getattr(refusal, "code", 1) else []
    return []


def _print(seen: list[Attempt], taken: float) -> None:
    written = JournalEntry.objects.count()
    outcomes = Counter(attempt.refused or "acknowledged" for attempt in seen)
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        deadlocks = cursor.fetchone()[0]
        cursor.execute("SELECT count(*) FROM ledger_block")
        blocks = cursor.fetchone()[0]
    print(f"concurrency_entries {written} entries")
    print(f"concurrency_per_second {written / taken:.0f} /s")
    for outcome, count in sorted(outcomes.items()):
        print(f"concurrency_{outcome} {count} calls")
    print(f"concurrency_blocks {blocks} blocks")
    print(f"concurrency_deadlocks {deadlocks} deadlocks", flush=True)
    assert deadlocks == 0, f"{deadlocks} deadlocks"
