"""Thousands of random runs of all verbs against a ledger of plain dicts; the normal tests make a few of them."""

import os
import time

from hypothesis import settings

from tests.ledger.test_against_a_small_ledger import agree
from tests.torture import concurrency

RUNS = 3_000


def run(cases: int | None = None) -> None:
    """`cases` runs, on every core. Raises `AssertionError`; what differs, and the shortest way there, stands above."""
    start, runs, cores = time.monotonic(), cases or RUNS, os.cpu_count() or 1
    at_once = [concurrency.started(_agree, -(-runs // cores)) for _ in range(cores)]
    for process in at_once:
        process.join()
    assert all(process.exitcode == 0 for process in at_once), "the ledger and the small one differ"
    print(f"small_ledger_runs {runs} runs")
    print(f"small_ledger_seconds {time.monotonic() - start:.0f} s", flush=True)


def _agree(runs: int) -> None:
    agree(settings(max_examples=runs, database=None))
