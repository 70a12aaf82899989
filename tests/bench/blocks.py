"""A block with 2,000 payments to us, on a bitcoind of its own: until journal, ledger, invoices and outbox have it.

Timed is what the reader and the worker do from the moment the node has the block, in which the payments count (the
operator asks for one confirmation), until every invoice is settled: as payers pay, so that all were seen waiting; and
as after an outage, when the block is the first we hear of them. As the worker's login, in one process, wall-clock time,
median of the rounds. `python -m tests.bench.blocks` does it, and prints each round's seconds.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from cryptopay.devnet import nodes, places, programs
from cryptopay.devnet.drive import BitcoinNode
from tests.bench import ledger_books

PAYMENTS = 2_000
ROUNDS = 3
_OUTPUTS_A_TRANSACTION = 250
_AMOUNT, _BASE_UNITS = "0.0001", 10_000
_CHAIN = "bitcoin-regtest"


def measure() -> Iterator[tuple[str, float, str]]:
    """Name, value and unit of each figure."""
    with ledger_books.scratch("blocks") as url:
        for login, order in (("owner", "migrate"), ("worker", "read")):
            told = subprocess.run(
                [sys.executable, "-m", "tests.bench.blocks", order],
                env={**os.environ, **ledger_books.settings(url, login=login), "LOG_LEVEL": "ERROR"},
                cwd=places.CHECKOUT,
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
    rounds = json.loads(told.stdout.splitlines()[-1])
    for name, seen in (("block_end_to_end", True), ("block_unheard_of", False)):
        whole, read = zip(*(seconds for was_seen, *seconds in rounds if was_seen is seen), strict=True)
        yield f"{name}_ms", 1e3 * statistics.median(whole), "ms"
        yield f"{name}_read_ms", 1e3 * statistics.median(read), "ms"


def main(order: str) -> None:
    import django

    if order == "migrate":
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        return
    with TemporaryDirectory() as scratch:
        running = nodes.start_bitcoin(programs.BITCOIND, Path(scratch) / "node")
        node = BitcoinNode(running.url)
        try:
            os.environ[f"{_CHAIN.upper().replace('-', '_')}_NODE_URL"] = node.url
            django.setup()
            _work_as_the_worker_does()
            print(json.dumps(_seconds(node)))
        finally:
            node.close()
            running.stop()


def _seconds(node: BitcoinNode) -> list[tuple[bool, float, float]]:
    from cryptopay.webhooks import endpoints
    from monitor.models import ConfirmationTier
    from tests import people

    people.record_rates()
    ConfirmationTier.objects.create(chain_code=_CHAIN, confirmations=1)
    book = people.merchant("Alice").test_book
    endpoints.create(book.pk, "https://shop.example/hooks")
    node.mine(100)  # coins to pay from
    _read()
    _round(node, book, seen=True)
    _analyse()  # what was planned for empty tables reads all of them
    return [_round(node, book, seen=seen) for _ in range(ROUNDS) for seen in (True, False)]


def _round(node: BitcoinNode, book: object, *, seen: bool) -> tuple[bool, float, float]:
    """Whether they were seen waiting; seconds of the whole, and of the reader alone."""
    from cryptopay.payments.models import Invoice
    from cryptopay.webhooks.models import Event

    addresses = _invoices(book)
    for begin in range(0, PAYMENTS, _OUTPUTS_A_TRANSACTION):
        node.pay([(address, _BASE_UNITS) for address in addresses[begin : begin + _OUTPUTS_A_TRANSACTION]])
    if seen:
        _read()
    settled, told = Invoice.objects.filter(status=Invoice.Status.SETTLED).count(), Event.objects.count()
    node.mine()
    started = time.perf_counter()
    read_at = _read()
    seconds, read_seconds = time.perf_counter() - started, read_at - started
    if Invoice.objects.filter(status=Invoice.Status.SETTLED).count() != settled + PAYMENTS:
        raise RuntimeError("not every invoice was settled")
    if Event.objects.count() != told + (2 if seen else 4) * PAYMENTS:
        raise RuntimeError("not every merchant would be told")
    return seen, seconds, read_seconds


def _work_as_the_worker_does() -> None:
    from cryptopay import celery

    celery.collect_seldom()


def _analyse() -> None:
    """As autovacuum does within a minute."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def _invoices(book: object) -> list[str]:
    from cryptopay.payments import lifecycle

    order = lifecycle.NewInvoice(amount=_AMOUNT, currency="BTC", methods=("BTC",), expires_in_seconds=3600)
    opened = [lifecycle.open_invoice(book, order) for _ in range(PAYMENTS)]  # type: ignore[arg-type]
    return [state.methods[0].address for state in opened]


def _read() -> float:
    """When the node's blocks were read and the intake began."""
    from cryptopay.payments import intake
    from monitor import follower, nodes
    from monitor.chains import CHAINS

    chain = CHAINS[_CHAIN]
    while not follower.step(chain, nodes.connector(chain)).at_tip:
        pass
    read_at = time.perf_counter()
    intake.drain(chain.code)
    return read_at


if __name__ == "__main__":
    main(sys.argv[1])
