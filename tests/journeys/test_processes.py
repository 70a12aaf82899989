"""The beat, the reader and the worker as they run in earnest, killed and robbed of their broker."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ledger.models import JournalEntry
from tests import workers
from tests.journeys.conftest import Coin, Shop, address_of, pay
from tests.workers import Celery, until

pytestmark = pytest.mark.django_db(transaction=True)

GUESTS, SALES = "liabilities:guests", "income:sales"


@pytest.fixture
def celery(tmp_path: Path, node_urls: dict[str, str]) -> Iterator[Celery]:
    with workers.running(tmp_path, node_urls) as running:
        yield running


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
    """While something happens worker and reader die at once and the broker forgets everything; then new ones come."""
    yield
    time.sleep(after_seconds)
    celery.kill("worker", "reader")
    celery.flush_broker()
    celery.start("worker", "reader")
