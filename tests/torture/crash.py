"""PostgreSQL and its writers are killed under load; what was acknowledged is there afterwards, whole, and nothing else.

A kill keeps what the operating system holds for the disk, so a power cut is not tried here; PostgreSQL's own memory,
where a commit waits that was not flushed, is lost.
"""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

from django.db import connection

from tests.torture import attempts, audit, books, concurrency, server, writers
from tests.torture.attempts import Attempt
from tests.torture.books import TrialBook

ROUNDS = 100
WRITERS = 5
_LOAD_SECONDS = (0.3, 1.5)
_SESSIONS = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"

Write = Callable[[Attempt], list[int]]
Crash = Callable[[list[BaseProcess], random.Random], None]


def run(cases: int | None = None) -> None:
    """`cases` rounds. Raises `AssertionError` with the first round after which the books or the witnesses disagree."""
    seed = random.randrange(2**32)
    print(f"crash_seed {seed} number")
    rng, seen, start = random.Random(seed), Counter[str](), time.monotonic()
    for number in range(cases or ROUNDS):
        name = list(CRASHES)[number % len(CRASHES)]
        told = one_round(CRASHES[name], rng)
        seen += Counter(attempt.refused or ("unknown" if attempt.unknown else "acknowledged") for attempt in told)
        seen[name] += 1
    assert not (wrong := concurrency.own_proofs()), wrong
    for name in CRASHES:
        print(f"crash_by_{name} {seen[name]} rounds")
    print(f"crash_acknowledged {seen['acknowledged']} commits")
    print(f"crash_outcome_unknown {seen['unknown']} commits")
    print(f"crash_seconds_a_round {(time.monotonic() - start) / (cases or ROUNDS):.1f} s", flush=True)


def one_round(crash: Crash, rng: random.Random, write: Write = writers.write) -> list[Attempt]:
    """In books of its own, so that a round costs the same however many there were before."""
    trial_books = books.open_books(2, customers=4)
    with concurrency.witness_folder() as folder:
        _until_it_crashes(trial_books, folder, crash, rng, write)
        server.current().restart()
        connection.close()
        told = attempts.read(folder)
    ids, url = [book.id for book in trial_books], server.current().url
    concurrency.seal(iter(ids))
    wrong = [*audit.invariants(url, ids), *audit.witnessed(url, told, ids)]
    assert not wrong, "\n".join(["after a crash the books are wrong:", *wrong])
    return told


def _until_it_crashes(
    trial_books: Sequence[TrialBook], folder: Path, crash: Crash, rng: random.Random, write: Write
) -> None:
    stop = concurrency.new_event()
    parties = [
        writers.Writer(f"w{n}", trial_books, folder, random.Random(rng.random()), safe=True, write=write)
        for n in range(WRITERS)
    ]
    writing = [concurrency.started(party.run, stop) for party in parties]
    try:
        time.sleep(rng.uniform(*_LOAD_SECONDS))
        crash(writing, rng)
    finally:
        stop.set()
        for process in writing:
            process.join()
    strange = [process.exitcode for process in writing if process.exitcode not in (0, -signal.SIGKILL)]
    assert not strange, f"writers ended by themselves: {strange}"


def _shut_immediately(_writing: list[BaseProcess], _rng: random.Random) -> None:
    server.current().shut_immediately()


def _kill_the_server(_writing: list[BaseProcess], _rng: random.Random) -> None:
    server.current().kill()


def _kill_a_session(_writing: list[BaseProcess], rng: random.Random) -> None:
    """PostgreSQL then cuts all other sessions and recovers by itself."""
    sessions = server.current().ask(_SESSIONS)
    server.current().kill_a_session(int(str(rng.choice(sessions)[0])))


def _kill_writers(writing: list[BaseProcess], rng: random.Random) -> None:
    """Some die in the middle of what they do; the others go on for a while."""
    for process in rng.sample(writing, 3):
        os.kill(process.pid or 0, signal.SIGKILL)
        time.sleep(rng.uniform(0, 0.1))


CRASHES: dict[str, Crash] = {
    "immediate_shutdown": _shut_immediately,
    "killed_writers": _kill_writers,
    "killed_server": _kill_the_server,
    "killed_session": _kill_a_session,
}
