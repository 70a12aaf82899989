"""The beat and the worker as they run in earnest, killed and robbed of their broker."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from ledger.models import JournalEntry
from tests.database import urls_of_this_database
from tests.journeys.conftest import Coin, Shop, address_of, pay

pytestmark = pytest.mark.django_db(transaction=True)

GUESTS, SALES = "liabilities:guests", "income:sales"


class Celery:
    """A worker and a beat of their own process groups, on the test's database, broker and nodes."""

    def __init__(self, folder: Path, node_urls: dict[str, str], broker: str) -> None:
        self.folder, self.broker = folder, broker
        nodes = {f"{code.upper().replace('-', '_')}_NODE_URL": url for code, url in node_urls.items()}
        logins = {"CRYPTOPAY_LOGIN": "worker", **urls_of_this_database()}
        self.environment = {**os.environ, **nodes, **logins, "REDIS_URL": broker}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *arguments: str) -> None:
        command = [sys.executable, "-m", "celery", "-A", "cryptopay.celery", name, "--loglevel", "warning", *arguments]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )

    def start_worker(self) -> None:
        self.start("worker", "--concurrency", "2")

    def start_beat(self) -> None:
        self.start("beat", "--schedule", str(self.folder / "beat"))

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def flush_broker(self) -> None:
        with redis.Redis.from_url(self.broker) as valkey:
            valkey.flushdb()


@pytest.fixture
def celery(tmp_path: Path, node_urls: dict[str, str]) -> Iterator[Celery]:
    running = Celery(tmp_path, node_urls, f"{os.environ['REDIS_URL'].rsplit('/', 1)[0]}/7")
    running.flush_broker()
    running.start_worker()
    running.start_beat()
    yield running
    for name in list(running.processes):
        running.kill(name)
    for log in tmp_path.glob("*.log"):
        print(log.name, log.read_text()[-3000:])


def test_payments_arrive_through_beat_and_worker(shop: Shop, bitcoin: Coin, ethereum: Coin, celery: Celery) -> None:
    opened = [(coin, shop.invoice(coin)) for coin in (bitcoin, ethereum)]
    for coin, invoice in opened:
        pay(coin, invoice)
    for coin, invoice in opened:
        until(lambda invoice=invoice: shop.stands(invoice) == ("processing", "none"))
        coin.bury()
    for coin, invoice in opened:
        until(lambda invoice=invoice: shop.stands(invoice) == ("settled", "none"))
        until(lambda invoice=invoice: "invoice.settled" in shop.told(invoice))
        assert shop.holds(coin, SALES).posted == coin.due


def test_threat_04_killed_workers_and_a_flushed_broker_lose_and_double_nothing(
    shop: Shop, bitcoin: Coin, celery: Celery
) -> None:
    invoices = []
    for round_number in range(5):
        with killed_meanwhile(celery, after_seconds=0.3 * round_number):
            invoices += [shop.invoice(bitcoin) for _ in range(3)]
            for invoice in invoices[-3:]:
                pay(bitcoin, invoice)
            bitcoin.node.mine()
    bitcoin.bury()
    for invoice in invoices:
        until(lambda invoice=invoice: shop.stands(invoice) == ("settled", "none"))
        until(lambda invoice=invoice: "invoice.settled" in shop.told(invoice))
    assert shop.holds(bitcoin, SALES).posted == 15 * bitcoin.due
    assert shop.holds(bitcoin, bitcoin.custody).posted == sum(bitcoin.on_chain(address_of(each)) for each in invoices)
    assert shop.holds(bitcoin, GUESTS).posted == 0
    assert JournalEntry.objects.filter(kind=JournalEntry.Kind.SETTLE).count() == 15


@contextmanager
def killed_meanwhile(celery: Celery, after_seconds: float) -> Iterator[None]:
    """While something happens the worker dies at once and the broker forgets everything; then a new worker comes."""
    yield
    time.sleep(after_seconds)
    celery.kill("worker")
    celery.flush_broker()
    celery.start_worker()


def until(holds: Callable[[], bool], seconds: float = 90) -> None:
    """Wait for it; fails when it does not come."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.2)
