"""`python -m tests.torture [name ...] [--cases N]`: trials that try to break the ledger; all, if none is named.

Each runs on a PostgreSQL of its own that is thrown away afterwards, prints `name value unit` lines and ends the run
with an error if the books are wrong. `--cases` shortens or lengthens what is named.

    small_ledger    random sequences of verbs against a ledger of plain dicts
    concurrency     many writers at once, on the same accounts
    crash           PostgreSQL and writers are killed under load
    controls        rules are broken on purpose; the trials above must notice
    tampering       rows are changed behind the ledger's back; its proofs must notice
    reorgs          random payments, double spends and reorganisations on real nodes; books against a fresh rescan
    reorgs_evm      payments in coins and tokens, double spends, reorganisations; books against what addresses hold
    webhooks        10,000 to servers that drop, fail, hang and answer twice; 100 endpoints, of which 10 hang
    schema          hundreds of requests at random to every operation; each answer must be described
    year            100,000 payments of a merchant's year; other programs agree with its balances and gains
    reports         a million rows of two reports, in three forms by three ways; memory stays what it was
    memory          10,000 blocks are read; a worker's memory stays what it was
"""

import argparse
import importlib
import multiprocessing
import os
import sys
import traceback

from cryptopay.devnet import environment, logins
from tests.torture import server

TRIALS = (
    *("small_ledger", "concurrency", "crash", "controls", "tampering", "reorgs", "reorgs_evm"),
    *("webhooks", "schema", "year", "reports", "memory"),
)
_NO_BROKER = "redis://127.0.0.1:1/0"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help=f"which: {', '.join(TRIALS)}")
    parser.add_argument("--cases", type=int, help="how many, instead of each trial's own number")
    given = parser.parse_args()
    if unknown := set(given.names) - set(TRIALS):
        parser.error(f"there is no trial {', '.join(sorted(unknown))}")
    failed = [name for name in given.names or TRIALS if not _passes(name, given.cases)]
    print(f"Failed: {', '.join(failed)}" if failed else "The books held.")
    return 1 if failed else 0


def _passes(name: str, cases: int | None) -> bool:
    """In a process of its own: Django knows one database at a time."""
    trial = multiprocessing.get_context("fork").Process(target=_run, args=(name, cases))
    trial.start()
    trial.join()
    print(f"{name} {'passed' if trial.exitcode == 0 else 'FAILED'}", flush=True)
    return trial.exitcode == 0


def _run(name: str, cases: int | None) -> None:
    try:
        with server.throw_away() as running:
            os.environ.update(environment.for_tests() | logins.beside(running.url), DATABASE_URL=running.url)
            os.environ.update(REDIS_URL=_NO_BROKER, DJANGO_SETTINGS_MODULE="cryptopay.settings")
            _migrate()
            importlib.import_module(f"tests.torture.{name}").run(cases)
    except BaseException:
        traceback.print_exc()
        sys.exit(1)


def _migrate() -> None:
    """As the owner; from then on every connection is the application's."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.db.backends.signals import connection_created

    from tests import database

    call_command("migrate", verbosity=0)
    connection.close()
    connection_created.connect(database.work_as_the_application)


if __name__ == "__main__":
    sys.exit(main())
