"""The page inside a shop's own page of another origin, as the integrator's page says; and refused to everybody else."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect
from pytest_django.live_server_helper import LiveServer

from cryptopay.devnet import places
from cryptopay.merchants import payment_page
from cryptopay.payments.models import Invoice, PaymentMethod
from tests.cryptopay.checkout.gallery import keep

BTC = "BTC@bitcoin-regtest"
SCRIPT = places.CHECKOUT / "cryptopay/checkout/static/checkout/embed.js"
PATIENCE = 120_000


class _Quiet(SimpleHTTPRequestHandler):
    """Serves files under a policy as strict as a careful shop's."""

    policy = ""

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", self.policy)
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        pass


@contextmanager
def _shop(folder: Path, pay: str, invoice: Invoice) -> Iterator[str]:
    """A shop at a site of its own, built of the examples in the docs; its origin."""
    for name, language in (("index.html", "html"), ("shop.js", "js")):
        (found,) = re.findall(
            rf"^```{language}\n(.*?)^```", (places.CHECKOUT / "docs/integrator.md").read_text(), re.M | re.S
        )
        linked = found.replace("https://pay.example", pay).replace("inv_...", invoice.public_id)
        head = '<!doctype html><html lang="de"><meta charset="utf-8"><title>Shop</title><body><a href="#">Other</a>'
        (folder / name).write_text(f"{head}{linked}" if language == "html" else linked)
    frames = f"default-src 'none'; script-src 'self' {pay}; frame-src {pay}; style-src 'none'; img-src 'self'"
    handler = partial(type("Handler", (_Quiet,), {"policy": frames}), directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    made.set_default_timeout(PATIENCE)
    yield made
    made.close()


def _name(till: Any, *origins: str) -> None:
    till.merchant.shop_origins = "\n".join(origins)
    till.merchant.save()


def _visit(context: BrowserContext, origin: str) -> tuple[Page, list[str]]:
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: None if _of_the_icon(message) else complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(origin)
    return page, complaints


def _of_the_icon(message: ConsoleMessage) -> bool:
    """Browsers ask every site for one, and this shop has none."""
    return str(message.location["url"]).endswith("/favicon.ico")


@pytest.mark.django_db(transaction=True)
def test_a_payment_is_followed_inside_the_shops_page(
    context: BrowserContext, live_server: LiveServer, till: Any, tmp_path: Path
) -> None:
    """Chosen, paid and settled in the frame; the shop hears each step, and gets the keyboard back."""
    invoice = till.open()
    with _shop(tmp_path, live_server.url, invoice) as origin:
        _name(till, "https://another.example", origin)
        page, complaints = _visit(context, origin)
        page.evaluate("addEventListener('cryptopay:state', (e) => (window.heard ||= []).push(e.detail.status))")
        page.get_by_role("link", name="Pay").press("Enter")
        frame = page.frame_locator("iframe[title='Pay']")
        frame.get_by_role("button", name="Bitcoin (regtest)").click()
        expect(frame.locator("#headline")).to_have_text("Waiting for your payment", timeout=PATIENCE)
        keep(page, "embedded")
        frame.locator("#copy-amount").click()
        expect(frame.locator("#copy-amount")).to_have_text("Copied", timeout=PATIENCE)
        assert page.evaluate("navigator.clipboard.readText()") == "0.00018125"
        till.pay(invoice)
        till.mine(2)
        expect(frame.locator("#headline")).to_have_text("Paid", timeout=PATIENCE)
        expect(page.locator("a[data-cryptopay]")).to_have_text("Paid", timeout=PATIENCE)
        heard = page.evaluate("window.heard")
        assert (heard[0], heard[-1]) == ("new", "settled")
        assert context.cookies() == [], "the page works without; a browser would withhold them here"
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_have_count(0, timeout=PATIENCE)
        assert page.evaluate("document.activeElement.textContent") == "Paid"
        assert complaints == []


@pytest.mark.django_db(transaction=True)
def test_the_keyboard_stays_in_the_window_until_it_is_closed(
    context: BrowserContext, live_server: LiveServer, till: Any, tmp_path: Path
) -> None:
    """Escape works where the keyboard is: in the frame, of which the shop's page hears no key, and above it."""
    invoice = till.open(BTC)
    with _shop(tmp_path, live_server.url, invoice) as origin:
        _name(till, origin)
        page, _complaints = _visit(context, origin)
        page.evaluate("addEventListener('cryptopay:close', () => (window.closed_ = (window.closed_ || 0) + 1))")
        link, dialog = page.locator("a[data-cryptopay]"), page.locator("dialog")
        link.click()
        frame = page.frame_locator("iframe")
        expect(frame.locator("#address")).to_be_visible(timeout=PATIENCE)
        for _ in range(25):
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.localName") in ("button", "iframe", "body")
        frame.locator("#copy-address").focus()
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0, timeout=PATIENCE)
        link.click()
        close = dialog.get_by_role("button", name="Schließen")
        assert (close.bounding_box() or {})["width"] >= 24
        close.click()
        expect(dialog).to_have_count(0, timeout=PATIENCE)
        assert page.evaluate("[window.closed_, document.activeElement.localName]") == [2, "a"]


@pytest.mark.django_db(transaction=True)
def test_threat_41_a_page_that_is_not_the_merchants_shows_nothing(
    context: BrowserContext, live_server: LiveServer, till: Any, tmp_path: Path
) -> None:
    """Clickjacking: the frame stays empty, hears nothing, and the payer ends up at the page itself, on its own."""
    invoice = till.open(BTC)
    with _shop(tmp_path, live_server.url, invoice) as origin:
        _name(till, "https://another.example")
        page, _complaints = _visit(context, origin)
        page.evaluate("addEventListener('message', () => localStorage.setItem('heard', 'yes'))")
        page.locator("a[data-cryptopay]").click()
        page.wait_for_url(f"{live_server.url}/pay/{invoice.public_id}", timeout=PATIENCE)
        expect(page.locator("#address")).to_be_visible(timeout=PATIENCE)
        page.goto(origin)
        assert page.evaluate("localStorage.getItem('heard')") is None


@pytest.mark.django_db(transaction=True)
def test_without_the_script_it_is_a_link(browser: Browser, live_server: LiveServer, till: Any, tmp_path: Path) -> None:
    invoice = till.open(BTC)
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(PATIENCE)
    with _shop(tmp_path, live_server.url, invoice) as origin:
        page = context.new_page()
        page.goto(origin)
        page.get_by_role("link", name="Pay").click()
        expect(page.locator("#address")).to_be_visible(timeout=PATIENCE)
    context.close()


def test_the_script_is_small() -> None:
    assert len(SCRIPT.read_bytes()) < 2000


def _policy(client: Client, invoice: Invoice, query: str = "") -> tuple[str, bool, str]:
    answer = client.get(f"/pay/{invoice.public_id}{query}")
    (ancestors,) = re.findall("frame-ancestors ([^;]*)", answer["Content-Security-Policy"])
    found = re.search(r'data-embedder="([^"]*)"', answer.content.decode())
    return ancestors, "X-Frame-Options" in answer, found[1] if found else ""


def test_the_merchants_origins_and_no_other_may_frame(client: Client, till: Any) -> None:
    invoice = till.open(BTC)
    _name(till, "https://shop.example", "http://localhost:3000")
    both = "https://shop.example http://localhost:3000"
    assert _policy(client, invoice) == (both, False, "")
    assert _policy(client, invoice, "?embed=https://shop.example") == (both, False, "https://shop.example")
    for other in ("https://shop.example.evil.example", "https://evil.example", "*", "https://shop.example/", "null"):
        assert _policy(client, invoice, f"?embed={other}") == (both, False, "")
    _name(till)
    assert _policy(client, invoice, "?embed=https://shop.example") == ("'none'", True, "")
    assert client.get("/pay/inv_unknown")["X-Frame-Options"] == "DENY"
    assert client.get("/")["X-Frame-Options"] == "DENY"


def test_the_page_around_goes_along_with_every_link(client: Client, till: Any) -> None:
    _name(till, "https://shop.example")
    invoice = till.open()
    carried = "lang=fr&amp;embed=https%3A%2F%2Fshop.example"
    text = client.get(f"/pay/{invoice.public_id}?lang=fr&embed=https://shop.example").content.decode()
    for address in (f"/state?{carried}", f"/method?{carried}", "?lang=de&amp;embed=https%3A%2F%2Fshop.example"):
        assert f"/pay/{invoice.public_id}{address}" in text
    answer = client.post(f"/pay/{invoice.public_id}/method?embed=https://shop.example", {"method": BTC})
    assert "embed=https%3A%2F%2Fshop.example" in answer["Location"]
    assert PaymentMethod.objects.filter(invoice=invoice).count() == 1


@pytest.mark.parametrize(
    ("text", "live", "fit"),
    [
        ("https://shop.example\nhttps://a.b:8443", True, ["https://shop.example", "https://a.b:8443"]),
        ("http://localhost:3000\nhttps://shop.example", True, ["https://shop.example"]),
        ("http://localhost:3000\nhttp://127.0.0.1:5", False, ["http://localhost:3000", "http://127.0.0.1:5"]),
        ("https://evil.example;script-src", True, []),
        ("", True, []),
    ],
)
def test_real_money_is_paid_under_tls_alone(text: str, live: bool, fit: list[str]) -> None:
    assert payment_page.may_frame(text, live=live) == fit


REFUSED = [
    *("*", "https://*", "https://*.shop.example", "shop.example", "http://shop.example", "https://shop.example/path"),
    *("https://shop.example; script-src *", "https://a, https://b", "'self'", "data:", "https:", "https://münchen.de"),
    *("javascript:alert(1)", "https://user@shop.example", "https://shop.example:99999999", "http://localhost.evil:1"),
]


@pytest.mark.parametrize("text", REFUSED)
def test_threat_41_nothing_but_an_origin_is_one(till: Any, text: str) -> None:
    """In Python for people, in the database for everyone else."""
    with pytest.raises(ValidationError):
        payment_page.check_origins(text)
    till.merchant.shop_origins = text
    with pytest.raises(IntegrityError, match="merchant_shop_origins"), transaction.atomic():
        till.merchant.save()
    assert not set("*;,'/@ ") & set("".join(payment_page.may_frame(text, live=False)).replace("https://", ""))


def test_origins_are_kept_as_browsers_write_them_and_not_without_end() -> None:
    assert payment_page.origins(" https://Shop.Example/\r\nhttps://shop.example ") == ["https://shop.example"]
    with pytest.raises(ValidationError, match="At most"):
        payment_page.check_origins("\n".join(f"https://shop{n}.example" for n in range(21)))


@pytest.mark.parametrize("text", ["zoe@cafe.example", "https://cafe.example/contact?about=payments"])
def test_a_contact_is_an_address_of_people(text: str) -> None:
    payment_page.check_contact(text)


@pytest.mark.parametrize("text", ["javascript:alert(1)", "http://cafe.example", "zoe", "tel:123", "https://"])
def test_a_contact_is_nothing_else(text: str) -> None:
    with pytest.raises(ValidationError):
        payment_page.check_contact(text)
