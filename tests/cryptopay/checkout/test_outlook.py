"""What a payer reads of the time it will take."""

import pytest
from django.test import Client
from playwright.sync_api import Browser, expect

from tests import queues
from tests.cryptopay.checkout.gallery import keep
from tests.queues import Standings

BTC = "BTC@bitcoin-regtest"


def _text(client: Client, invoice) -> str:
    answer = client.get(f"/pay/{invoice.public_id}")
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.django_db
def test_before_anybody_looked_nobody_knows(client: Client, till) -> None:
    invoice = till.open(BTC)
    till.pay(invoice)
    assert "How long it will take is not known" in _text(client, invoice)


@pytest.mark.django_db
def test_from_the_mempool_into_a_block_and_deep(client: Client, till) -> None:
    invoice = till.open(BTC, least_confirmations=6)
    till.pay(invoice)
    queues.look(Standings(110_000))
    text = _text(client, invoice)
    assert "0 of 6 confirmations" in text
    assert "The fee is good: about 60 minutes" in text
    till.mine(2)
    text = _text(client, invoice)
    assert "2 of 6 confirmations, about 40 minutes" in text
    assert "The fee is good" not in text
    till.mine(4)
    assert "minutes" not in _text(client, invoice)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fee_rate", "words"),
    [
        (5_000, "The fee is good: 70 to 100 minutes"),
        (2_500, "The fee is low: this may take 2 to 3 hours"),
        (800, "Stuck: its fee is below what the network keeps, it may be forgotten"),
    ],
)
def test_a_low_fee_is_said_to_be_low(client: Client, till, fee_rate: int, words: str) -> None:
    invoice = till.open(BTC)
    till.pay(invoice)
    queues.look(Standings(fee_rate))
    assert words in _text(client, invoice)


@pytest.mark.django_db
def test_the_page_changes_when_the_outlook_does(client: Client, till) -> None:
    invoice = till.open(BTC)
    till.pay(invoice)
    marks = set()
    for fee_rate in (800, 110_000):
        queues.look(Standings(fee_rate))
        text = _text(client, invoice)
        marks.add(text.partition('data-mark="')[2][:16])
    assert len(marks) == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("width", [390, 1400])
def test_the_outlook_is_read_without_scripts(browser: Browser, live_server, till, width: int) -> None:
    invoice = till.open(BTC, description="Beans")
    till.pay(invoice)
    queues.look(Standings(2_500))
    context = browser.new_context(java_script_enabled=False, viewport={"width": width, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"{live_server.url}/pay/{invoice.public_id}")
    expect(page.locator(".outlook")).to_have_text("The fee is low: this may take 2 to 3 hours")
    assert page.locator("body").evaluate("body => body.scrollWidth") <= width
    assert not complaints
    keep(page, f"slow-{width}")
    context.close()
