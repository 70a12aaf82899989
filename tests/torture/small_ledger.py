"""Thousands of random runs of all verbs against a ledger of plain dicts; the normal tests make a few of them."""

import time

from hypothesis import settings

from tests.ledger.test_against_a_small_ledger import agree

RUNS = 3_000


def run(cases: int | None = None) -> None:
    """`cases` runs. Raises what differs, with the shortest steps that lead there."""
    start = time.monotonic()
    agree(settings(max_examples=cases or RUNS))
    print(f"small_ledger_runs {cases or RUNS} runs")
    print(f"small_ledger_seconds {time.monotonic() - start:.0f} s", flush=True)
