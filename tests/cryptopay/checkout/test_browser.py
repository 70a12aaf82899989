"""The page in a real browser, with scripts and without, under its own security policy."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from cryptopay.payments.models import PaymentMethod
from cryptopay.payments.status import state_of

BTC, LTC = "BTC@bitcoin-regtest", "LTC@litecoin-regtest"

pytestmark = pytest.mark.django_db(transaction=True)


class Visit:
    """One browser window at the live server; keeps what it complained of and whom it asked."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._note)

    def open(self, invoice) -> Page:
        self.page.goto(f"{self.url}/pay/{invoice.public_id}")
        return self.page

    def _note(self, request: Request) -> None:
        self.asked.append(request.url)


def _visit(browser: Browser, live_server, **options: object) -> Iterator[Visit]:
    context = browser.new_context(**options)
    visit = Visit(context.new_page(), live_server.url)
    yield visit
    context.close()
    assert visit.complaints == []
    assert all(url.startswith((live_server.url, "data:")) for url in visit.asked)


@pytest.fixture
def visit(browser: Browser, live_server) -> Iterator[Visit]:
    permissions = ["clipboard-read", "clipboard-write"]
    yield from _visit(browser, live_server, permissions=permissions)


@pytest.fixture
def visit_without_scripts(browser: Browser, live_server) -> Iterator[Visit]:
    narrow = {"width": 360, "height": 740}
    yield from _visit(browser, live_server, java_script_enabled=False, viewport=narrow)


def test_a_payment_is_followed_without_scripts(till, visit_without_scripts: Visit) -> None:
    invoice = till.open(description="Beans")
    page = visit_without_scripts.open(invoice)
    page.get_by_role("button", name="Bitcoin (regtest)").click()
    expect(page.locator("#headline")).to_have_text("Waiting for your payment")
    expect(page.locator("#address")).to_have_text(PaymentMethod.objects.get(invoice=invoice).address.text)
    expect(page.get_by_role("img", name="QR code of the payment request")).to_be_visible()
    expect(page.get_by_text("15 minutes left")).to_be_visible()
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)
    till.pay(invoice)
    expect(page.locator("#headline")).to_have_text("Payment seen, waiting for confirmations")
    till.mine(2)
    expect(page.locator("#headline")).to_have_text("Paid")


def test_a_payment_is_followed_without_a_reload(till, visit: Visit) -> None:
    invoice = till.open(BTC)
    page = visit.open(invoice)
    page.evaluate("window.stayed = true")
    expect(page.locator("[data-deadline]")).to_have_text(re.compile(r"^1[34]:\d\d$"))
    till.pay(invoice, "0.5")
    expect(page.locator("#headline")).to_have_text("Part of the amount has arrived")
    rest = state_of(invoice.__class__.objects.get(pk=invoice.pk)).methods[0].remaining
    words = f"Part of the amount has arrived. Still due: {rest.text} BTC. 0 of 2 confirmations"
    expect(page.get_by_role("status")).to_have_text(words)
    expect(page).to_have_title("Part of the amount has arrived · Café Zoë")
    expect(page.locator("#amount")).to_have_text(rest.text.rstrip("0"))
    assert page.evaluate("window.stayed")


def test_the_address_and_amount_are_copied(till, visit: Visit) -> None:
    invoice = till.open(BTC)
    page = visit.open(invoice)
    page.locator("#copy-address").click()
    expect(page.locator("#copy-address")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == state_of(invoice).methods[0].address
    page.locator("#copy-amount").click()
    expect(page.get_by_role("status")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "0.00018125"


def test_what_is_copied_without_the_clipboard_is_selected_instead(till, visit: Visit) -> None:
    """Where there is no TLS, or a page around this one that does not let it; and if that fails, too, it is said."""
    visit.page.add_init_script("navigator.clipboard.writeText = () => Promise.reject(new Error('refused'))")
    invoice = till.open(BTC)
    page = visit.open(invoice)
    page.locator("#copy-uri").click()
    expect(page.locator("#copy-uri")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == state_of(invoice).methods[0].uri
    assert page.evaluate("document.activeElement.id") == "copy-uri"
    page.evaluate("document.execCommand = () => false")
    page.locator("#copy-amount").click()
    expect(page.get_by_role("status")).to_have_text("Select and copy it by hand")


def test_the_keyboard_keeps_its_place_when_the_page_changes(till, visit: Visit) -> None:
    invoice = till.open(BTC)
    page = visit.open(invoice)
    page.locator("#copy-address").focus()
    till.pay(invoice, "0.5")
    expect(page.locator("#headline")).to_have_text("Part of the amount has arrived")
    assert page.evaluate("document.activeElement.id") == "copy-address"


def test_polling_ends_when_nothing_can_change(till, visit: Visit) -> None:
    invoice = till.open(BTC)
    page = visit.open(invoice)
    till.pay(invoice)
    till.mine(2)
    expect(page.locator("#headline")).to_have_text("Paid")
    asked = len(visit.asked)
    page.wait_for_timeout(4000)
    assert len(visit.asked) == asked


@pytest.mark.parametrize("width", [320, 360, 1200])
def test_nothing_overflows_sideways(till, visit: Visit, width: int) -> None:
    invoice = till.open(LTC, description="W" * 200, order_id="x" * 100, return_url="https://shop.example/")
    till.pay(invoice, "0.3", LTC)
    visit.page.set_viewport_size({"width": width, "height": 700})
    page = visit.open(invoice)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_every_control_has_a_name_and_room_for_a_finger(till, visit: Visit) -> None:
    """WCAG 2.2, 4.1.2 and 2.5.8: a name for each control, and 24 by 24 pixels at least."""
    page = visit.open(till.open(BTC, return_url="https://shop.example/"))
    for control in page.locator("main button:visible, main a:visible").all():
        box = control.bounding_box()
        assert box
        assert min(box["width"], box["height"]) >= 24
        assert control.inner_text().strip()
    assert page.locator("h1").count() == 1
    assert page.evaluate("document.documentElement.lang") == "en"
