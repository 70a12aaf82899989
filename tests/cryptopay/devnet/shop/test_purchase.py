"""A whole purchase: the shop, REST, a real node, the books and signed webhooks over real HTTP."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx
import pytest
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from cryptopay.devnet.demo.seeding import seed
from cryptopay.devnet.drive import EthereumNode
from cryptopay.devnet.shop import config
from cryptopay.devnet.shop.app import Shop
from cryptopay.payments import intake
from cryptopay.payments.models import Invoice
from cryptopay.webhooks import delivering
from monitor import follower, nodes
from monitor.chains import CHAINS

CHAIN = CHAINS["ethereum-dev"]
PATIENCE_SECONDS = 60


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def shop_url(
    transactional_db: None,
    live_server: LiveServer,
    settings: Settings,
    anvil: EthereumNode,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    settings.NODE_URLS = {CHAIN.code: anvil.url}
    settings.PUBLIC_URL = live_server.url
    monkeypatch.setenv("ETHEREUM_DEV_NODE_URL", anvil.url)
    server = make_server("127.0.0.1", 0, None, handler_class=Quiet)  # type: ignore[arg-type]
    url = f"http://127.0.0.1:{server.server_port}"
    seed(tmp_path, url)  # the shop is told its place before it opens
    shop = Shop(config.load(tmp_path))
    server.set_app(shop)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield url
    shop.close()
    server.shutdown()
    thread.join()
    server.server_close()


def _until(done: Callable[[], bool]) -> None:
    """Does what worker and beat do, until it has come about."""
    patience = time.monotonic() + PATIENCE_SECONDS
    while not done():
        assert time.monotonic() < patience
        follower.step(CHAIN, nodes.connector(CHAIN))
        intake.drain(CHAIN.code)
        delivering.deliver_due()
        time.sleep(0.3)


@pytest.mark.parametrize("coin", ["ETH", "USDX"])
def test_a_newcomer_sees_a_payment_wait_confirm_and_settle(shop_url: str, live_server: LiveServer, coin: str) -> None:
    with httpx.Client(base_url=shop_url, trust_env=False, timeout=30) as customer:
        bought = customer.post("/orders", data={"good": "beans"})
        assert bought.status_code == 303
        invoice = Invoice.objects.get()
        assert bought.headers["Location"] == f"{live_server.url}/pay/{invoice.public_id}"
        order = f"/orders/{invoice.order_id}"
        _until(lambda: "invoice.created" in customer.get(order).text)
        assert customer.post(f"{order}/pay", data={"coin": coin, "share": "exact"}).status_code == 303
        _until(lambda: "Payment on its way" in customer.get(order).text)
        _until(lambda: ">Paid<" in customer.get(order).text)
        page = customer.get(order).text
        for event in ("payment.detected", "invoice.processing", "payment.confirmed", "invoice.settled"):
            assert event in page
    invoice.refresh_from_db()
    assert (invoice.status, invoice.exception) == ("settled", "none")
