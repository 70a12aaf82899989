"""Where payers share an account, the page shows account and memo apart, and says that the memo is needed."""

import html
from typing import Any

import pytest
import segno
from django.test import Client
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from cryptopay.payments.status import state_of

EOS = "EOS@eos-dev"


def test_account_and_memo_stand_apart(client: Client, eos: Any) -> None:
    invoice = eos.open(EOS)
    (state,) = state_of(invoice).methods
    account, memo = state.address.split("/")
    text = html.unescape(client.get(f"/pay/{invoice.public_id}").content.decode())
    assert f'<code id="address" dir="ltr">{account}</code>' in text
    assert f'<code id="memo" dir="ltr">{memo}</code>' in text
    assert state.address not in text
    assert "Account on EOS (development)" in text
    assert "Send the memo along, exactly as it stands here." in text
    assert f'href="{state.uri}"' in text
    assert state.uri.startswith("esr://")
    drawn = segno.make(state.uri, error="m", micro=False).svg_inline(border=4, omitsize=True, svgclass="qr")
    assert drawn[drawn.index("<path") :] in text


def test_a_coin_with_addresses_shows_no_memo(client: Client, eos: Any) -> None:
    invoice = eos.open("BTC@bitcoin-regtest")
    text = client.get(f"/pay/{invoice.public_id}").content.decode()
    assert 'id="memo"' not in text
    assert "Address on" in text


@pytest.mark.django_db(transaction=True)
def test_the_memo_has_a_copy_button_of_its_own(browser: Browser, live_server: LiveServer, eos: Any) -> None:
    invoice = eos.open(EOS)
    (state,) = state_of(invoice).methods
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"{live_server.url}/pay/{invoice.public_id}")
    page.locator("#copy-memo").click()
    expect(page.locator("#copy-memo")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == state.address.split("/")[1]
    page.locator("#copy-address").click()
    assert page.evaluate("navigator.clipboard.readText()") == "cafe.zoe"
    context.close()
