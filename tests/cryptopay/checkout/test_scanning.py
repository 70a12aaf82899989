"""The QR code is what a camera reads: zbarimg decodes it off the page's picture, in every method, light and dark."""

import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bip_utils import Monero
from django.utils import timezone
from playwright.sync_api import Browser, expect
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from cryptopay.devnet import programs
from cryptopay.payments.status import state_of
from keys.importing import import_credential
from keys.mnemonics import account_key
from ledger import rates
from monitor.chains import CHAINS
from monitor.models import Cursor
from monitor.tokens import Token

METHODS = {
    "BTC@bitcoin-regtest": "bitcoin:bcrt1",
    "LTC@litecoin-regtest": "litecoin:rltc1",
    "BCH@bitcoincash-regtest": "bchreg:q",
    "ETH@ethereum-dev": "ethereum:0x",
    "USDX@ethereum-dev": f"ethereum:0x{'ab' * 20}@31337/transfer?address=0x",
    "XMR@monero-regtest": "monero:",
    "EOS@eos-dev": "esr://",
}
CHAIN_CODES = [method.partition("@")[2] for method in METHODS]


@pytest.fixture
def every_method(eos: Any, settings: Settings) -> Any:
    """The till takes whatever there is a development chain for, and a token."""
    settings.NODE_URLS = dict.fromkeys(CHAIN_CODES, "http://127.0.0.1:1")
    view = Monero.FromSeed(b"7" * 32)
    words = f"{view.PrimaryAddress()} {view.PrivateViewKey().Raw().ToHex()}"
    bitcoin_cash = CHAINS["bitcoincash-regtest"]
    import_credential(eos.book, bitcoin_cash, account_key(b"7" * 32, bitcoin_cash), "Till")
    import_credential(eos.book, CHAINS["monero-regtest"], words, "Till")
    Token.objects.create(chain_code="ethereum-dev", contract="0x" + "ab" * 20, code="USDX", decimals=6)
    for code in ("bitcoincash-regtest", "monero-regtest"):
        Cursor.objects.create(chain_code=code, height=500, hash="00")
    for coin, price in {"BCH": "400", "XMR": "300", "USDX": "0.86"}.items():
        rates.record(coin, "EUR", Decimal(price), "test", timezone.now())
    return eos


@pytest.mark.django_db(transaction=True)
def test_a_camera_reads_the_uri_of_every_method(
    browser: Browser, live_server: LiveServer, every_method: Any, tmp_path: Path
) -> None:
    """The picture is taken as a payer sees it, at one pixel a pixel, narrow and dark."""
    invoice = every_method.open(*METHODS)
    page = browser.new_page(viewport={"width": 360, "height": 800}, color_scheme="dark")
    page.set_default_timeout(120_000)
    pictures = {}
    for state in state_of(invoice).methods:
        method = f"{state.asset.code}@{state.chain.code}"
        page.goto(f"{live_server.url}/pay/{invoice.public_id}?method={method}")
        expect(page.locator("#open")).to_have_attribute("href", state.uri, timeout=120_000)
        assert state.uri.startswith(METHODS[method])
        pictures[state.uri] = tmp_path / f"{method}.png"
        page.screenshot(path=str(pictures[state.uri]))
    page.close()
    assert len(pictures) == len(METHODS)
    read = {uri: _scanned(picture) for uri, picture in pictures.items()}
    assert read == {uri: [uri] for uri in pictures}


def _scanned(picture: Path) -> list[str]:
    command = [
        *programs.ZBARIMG.command(),
        "--quiet",
        "--raw",
        "--nodbus",
        "-Sdisable",
        "-Sqrcode.enable",
        str(picture),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.split("\n")[:-1]
