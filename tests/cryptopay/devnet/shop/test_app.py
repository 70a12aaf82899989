"""The shop by itself: what it lets in, and what it keeps out."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from cryptopay.devnet.shop.app import Shop
from cryptopay.devnet.shop.config import Config
from cryptopay.devnet.shop.payer import Share

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    nowhere = "http://127.0.0.1:1"
    shop = Shop(Config("http://127.0.0.1:8001", nowhere, "sk_test_x", SECRET, {}, tmp_path / "shop.sqlite3"))
    yield shop
    shop.close()


@pytest.fixture
def browser(shop: Shop) -> Iterator[httpx.Client]:
    with httpx.Client(transport=httpx.WSGITransport(app=shop), base_url="http://127.0.0.1:8001") as client:
        yield client


def _event(number: int, sequence: int, status: str = "processing") -> dict[str, Any]:
    invoice = {"id": "inv_1", "order_id": str(number), "status": status, "exception": "none"}
    return {"id": f"evt_{sequence}", "type": f"invoice.{status}", "sequence": sequence, "data": {"invoice": invoice}}


def _tell(browser: httpx.Client, event: dict[str, Any], secret: str = SECRET) -> httpx.Response:
    now, body = datetime.now(UTC), json.dumps(event)
    signature = Webhook(secret).sign(event["id"], now, body)
    headers = {
        "webhook-id": event["id"],
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }
    return browser.post("/webhooks", content=body, headers=headers)


def test_a_signed_webhook_moves_the_order(shop: Shop, browser: httpx.Client) -> None:
    number = shop.orders.add("Espresso", "2.80")
    assert "Awaiting payment" in browser.get(f"/orders/{number}").text
    assert _tell(browser, _event(number, 1)).status_code == 204
    page = browser.get(f"/orders/{number}").text
    assert "Payment on its way" in page
    assert "invoice.processing" in page


def test_the_highest_sequence_speaks_whatever_comes_last(shop: Shop, browser: httpx.Client) -> None:
    number = shop.orders.add("Espresso", "2.80")
    for event in (_event(number, 2, "settled"), _event(number, 1), _event(number, 2, "settled")):
        assert _tell(browser, event).status_code == 204
    order = shop.orders.find(number)
    assert order
    assert order.paid
    assert [webhook.sequence for webhook in shop.orders.webhooks(number)] == [2, 1]


def test_threat_37_a_forged_webhook_changes_nothing(shop: Shop, browser: httpx.Client) -> None:
    number = shop.orders.add("Espresso", "2.80")
    forged = _tell(browser, _event(number, 1, "settled"), secret="whsec_" + "A" * 32)
    assert forged.status_code == 401
    assert browser.post("/webhooks", json=_event(number, 1, "settled")).status_code == 401
    order = shop.orders.find(number)
    assert order
    assert not order.paid


def test_a_form_of_another_site_is_refused(browser: httpx.Client) -> None:
    answer = browser.post("/orders", data={"good": "beans"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 400


def test_another_host_name_is_refused(browser: httpx.Client) -> None:
    assert browser.get("/", headers={"Host": "rebound.example"}).status_code == 421


@pytest.mark.parametrize("path", ["/orders/1", "/orders/1/pay", "/none", "/orders/99999999999"])
def test_what_is_not_there_is_said_kindly(browser: httpx.Client, path: str) -> None:
    for answer in (browser.get(path), browser.post(path, data={"coin": "BTC", "share": "exact"})):
        assert answer.status_code in (400, 404)
        assert "That did not work" in answer.text


def test_a_gateway_that_is_down_is_said_kindly(browser: httpx.Client) -> None:
    answer = browser.post("/orders", data={"good": "beans"})
    assert answer.status_code == 502
    assert "CryptoPay does not answer" in answer.text


def test_its_pages_load_nothing_from_elsewhere(browser: httpx.Client) -> None:
    answer = browser.get("/")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "<script" not in answer.text
    assert browser.get("/shop.css").headers["Content-Type"].startswith("text/css")


def test_shares_are_whole_base_units() -> None:
    assert Share.EXACT.of(7) == 7
    assert Share.HALF.of(10**18 + 1) == 5 * 10**17
    assert Share.TOO_MUCH.of(10**18) == 15 * 10**17
