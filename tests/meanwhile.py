"""Two of the database's transactions at once, in an order that the test chooses."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from django.db import connection, transaction

PATIENCE_SECONDS = 60


@contextmanager
def meanwhile(begin: Callable[[], object], end: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Another connection's transaction has begun, and commits afterwards."""
    begun, go_on = threading.Event(), threading.Event()

    def work() -> None:
        try:
            with transaction.atomic():
                begin()
                begun.set()
                assert go_on.wait(PATIENCE_SECONDS)
                end()
        finally:
            begun.set()
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        other = threads.submit(work)
        try:
            assert begun.wait(PATIENCE_SECONDS)
            yield
        finally:
            go_on.set()
        other.result()


def wait_until_somebody_waits() -> None:
    """For a lock that another holds."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        with connection.cursor() as sql:
            sql.execute(
                "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
                " WHERE NOT granted AND datname = current_database()"
            )
            if sql.fetchone()[0]:
                return
        time.sleep(0.01)
    raise AssertionError("nobody waits for a lock")
