"""The docs page as an engineer sees it: from our own files alone, under the site's security policy."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from tests.browsing import chromium_of_ours

TOLD = ("invoices:write", "Idempotency-Key", "orders/1001", "idempotency_key_reused", "rate_stale", "checkout_url")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium_of_ours() as found:
        yield found


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("width", [1400, 390])
def test_it_shows_an_operation_whole_and_asks_nobody_else(
    browser: Browser, live_server: LiveServer, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{live_server.url}/api/docs")
    expect(page.get_by_role("heading", name="invoices")).to_be_visible(timeout=60_000)
    page.locator("#operations-invoices-create_invoice button.opblock-summary-control").click()
    operation = page.locator("#operations-invoices-create_invoice")
    for text in (
        "invoices:write",
        "Idempotency-Key",
        "orders/1001",
        "idempotency_key_reused",
        "rate_stale",
        "checkout_url",
    ):
        expect(operation.get_by_text(text).first).to_be_attached(timeout=60_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints == []
    assert len(asked) > 5
    assert all(url.startswith((live_server.url, "data:")) for url in asked), asked
    page.close()
