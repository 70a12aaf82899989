"""The trials themselves on trial: rules are broken on purpose, and each time the books must be found wrong."""

import random
from collections.abc import Callable

from django.db import connection

from tests import database
from tests.torture import audit, books, careless, concurrency, crash, server

TRIES = 12
"""Whether a kill hits the moment that matters is luck; one try without a careless writer is wrong never."""


def run(cases: int | None = None) -> None:
    """At most `cases` tries each. Raises `AssertionError` if a broken rule goes unnoticed."""
    for name, broken in CONTROLS.items():
        tries = _tries_until_noticed(broken, cases or TRIES)
        assert tries, f"{name}: nobody noticed"
        print(f"control_{name} {tries} tries", flush=True)
    assert concurrency.own_proofs(), "check_ledger has not noticed what the auditor has"


def _tries_until_noticed(broken: Callable[[], None], most: int) -> int:
    for number in range(1, most + 1):
        try:
            broken()
        except AssertionError:
            return number
        finally:
            server.current().restart()
            connection.close()
    return 0


def _in_a_crash(write: crash.Write, how: str) -> Callable[[], None]:
    return lambda: _ignore(crash.one_round(crash.CRASHES[how], random.Random(), write))


def _ignore(_: object) -> None:
    return


def _balance_without_posting() -> None:
    (book,) = books.open_books(1, customers=1)
    careless.balance_without_posting(book)
    _demand_right(book.id)


def _without_the_lock() -> None:
    """Past the key that refuses a number twice, so that it is the auditor who must see it."""
    (book,) = books.open_books(1, customers=1)
    with database.as_owner(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_posting DROP CONSTRAINT IF EXISTS posting_seq")
    at_once = [concurrency.started(careless.without_the_lock, book, 20) for _ in range(2)]
    for process in at_once:
        process.join()
    _demand_right(book.id)


def _demand_right(book: int) -> None:
    wrong = audit.invariants(server.current().url, [book])
    assert not wrong, wrong


CONTROLS: dict[str, Callable[[], None]] = {
    "acknowledged_before_commit": _in_a_crash(careless.acknowledged_before_commit, "killed_server"),
    "not_flushed": _in_a_crash(careless.not_flushed, "immediate_shutdown"),
    "one_by_one": _in_a_crash(careless.one_by_one, "killed_writers"),
    "said_anew": _in_a_crash(careless.said_anew, "killed_writers"),
    "balance_without_posting": _balance_without_posting,
    "without_the_lock": _without_the_lock,
}
