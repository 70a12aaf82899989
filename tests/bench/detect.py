"""How long after its broadcast a payment is told: node, reader, worker, signed webhook, the merchant's server.

The worker, the reader and the beat run as the Procfile has them, on a bitcoind of their own. Payments come at random
moments, so that they meet the poll at any point of its second. Every one must be told, else there is no figure.

`python -m tests.bench.detect` does it, and prints each payment's seconds.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from cryptopay.devnet import nodes, places, programs
from cryptopay.devnet.drive import BitcoinNode

if TYPE_CHECKING:
    from tests.receiver import Receiver

PAYMENTS = 100
WARM_UP = 5
_PATIENCE_SECONDS = 120
_CHAIN = "bitcoin-regtest"


def measure() -> Iterator[tuple[str, float, str]]:
    """Name, value and unit of each figure."""
    told = subprocess.run(
        [sys.executable, "-m", "tests.bench.detect"],
        env={**os.environ, "LOG_LEVEL": "WARNING"},
        cwd=places.CHECKOUT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    seconds = sorted(json.loads(told.stdout.splitlines()[-1]))
    yield "detect_seconds_median", seconds[len(seconds) // 2], "s"
    yield "detect_seconds", seconds[-1 - len(seconds) // 100], "s"


def main() -> None:
    with TemporaryDirectory() as scratch:
        running = nodes.start_bitcoin(programs.BITCOIND, Path(scratch) / "node")
        node = BitcoinNode(running.url)
        try:
            print(json.dumps(_seconds(node, Path(scratch))))
        finally:
            node.close()
            running.stop()


def _seconds(node: BitcoinNode, scratch: Path) -> list[float]:
    os.environ[f"{_CHAIN.upper().replace('-', '_')}_NODE_URL"] = node.url
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cryptopay.settings")
    import django

    django.setup()
    from tests import workers
    from tests.receiver import Receiver

    receiver = Receiver()
    addresses = _invoices(receiver.url)
    with workers.running(scratch, {_CHAIN: node.url}) as _:
        _read_up_to_the_tip(node)
        sent = {}
        for number, (invoice, address) in enumerate(addresses.items()):
            if number == WARM_UP:
                _wait(lambda: len(_told(receiver)) >= WARM_UP)
            time.sleep(random.uniform(0.2, 1.2))
            sent[invoice] = time.time()
            node.pay(address, 100_000)
        _wait(lambda: _told(receiver).keys() >= sent.keys())
    told = _told(receiver)
    receiver.stop()
    return [told[invoice] - at for invoice, at in list(sent.items())[WARM_UP:]]


def _invoices(webhook_url: str) -> dict[str, str]:
    """A merchant's open invoices with their addresses."""
    from django.core.management import call_command

    from cryptopay.payments import lifecycle
    from cryptopay.webhooks import endpoints
    from tests import people

    call_command("migrate", verbosity=0)
    people.record_rates()
    book = people.merchant("Alice").test_book
    endpoints.create(book.pk, webhook_url)
    order = lifecycle.NewInvoice(amount="0.001", currency="BTC", methods=("BTC",), expires_in_seconds=3600)
    opened = [lifecycle.open_invoice(book, order) for _ in range(WARM_UP + PAYMENTS)]
    return {state.invoice.public_id: state.methods[0].address for state in opened}


def _read_up_to_the_tip(node: BitcoinNode) -> None:
    from monitor.models import Cursor

    _wait(lambda: Cursor.objects.filter(chain_code=_CHAIN, height=node.height(), checked_at__isnull=False).exists())


def _told(receiver: "Receiver") -> dict[str, float]:
    """When each invoice's `payment.detected` first came."""
    came: dict[str, float] = {}
    for request in list(receiver.requests):
        event = json.loads(request.body)
        if event["type"] == "payment.detected":
            came.setdefault(event["subject"], request.at)
    return came


def _wait(holds: Callable[[], bool]) -> None:
    from tests.workers import until

    until(holds, _PATIENCE_SECONDS)


if __name__ == "__main__":
    main()
