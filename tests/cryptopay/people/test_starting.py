"""From sign-up to the first test payment's invoice, and what an owner is led to then."""

import json
import re
import shlex
from collections.abc import Iterator

import pytest
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, Page
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from cryptopay.devnet.drive import BitcoinNode
from cryptopay.merchants.models import ApiKey, Membership, Merchant
from cryptopay.payments.models import Invoice
from cryptopay.testmode.models import Act
from keys import testing
from keys.models import MasterKey
from monitor.chains import CHAINS
from tests.browsing import chromium_of_ours
from tests.journeys.conftest import faucet_url

from .conftest import PASSWORD, code_in, person

CHAIN = CHAINS["bitcoin-regtest"]


@pytest.fixture(autouse=True)
def _one_chain(settings: Settings) -> None:
    settings.NODE_URLS = {CHAIN.code: "http://127.0.0.1:9"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium_of_ours() as found:
        yield found


def words_of(page: str, element: str) -> str:
    found = re.search(rf'id="{element}">(.*?)</pre>', page, re.DOTALL)
    assert found
    return found[1].replace("&quot;", '"').replace("&#x27;", "'")


@pytest.mark.django_db
def test_the_example_runs_as_it_stands(client: Client, alice: Merchant) -> None:
    """With the key it shows, word for word; and the page then leads on."""
    client.force_login(person("olga", alice, Membership.Role.OWNER))
    shown = client.post(reverse("people_start_key", args=[alice.pk]))
    assert "no-store" in shown.headers["Cache-Control"]
    page = shown.content.decode()
    words = shlex.split(words_of(page, "example"))
    headers = dict(word.split(": ", 1) for word in words if ": " in word and not word.startswith("{"))
    answer = Client().post("/api/v1/invoices", json.loads(words[-1]), content_type="application/json", headers=headers)
    assert answer.status_code == 201, answer.content
    later = client.get(reverse("people_start")).content.decode()
    assert words_of(page, "secret") not in later, "shown once"
    assert answer.json()["id"] in later
    assert "invoice.created" in later
    assert "http-equiv" in later, "it looks again by itself while the invoice waits"


@pytest.mark.django_db
def test_test_keys_belong_to_nobody_and_to_no_real_money(alice: Merchant) -> None:
    (key,) = testing.import_unspendable(alice.test_book)
    assert (key.chain, key.label) == (CHAIN.code, testing.LABEL)
    assert testing.import_unspendable(alice.test_book) == [], "once a chain"
    with pytest.raises(ValueError, match="lost"):
        testing.import_unspendable(alice.live_book)
    assert MasterKey.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("role", Membership.Role.values)
def test_whoever_makes_keys_is_led(client: Client, alice: Merchant, role: str) -> None:
    client.force_login(person("eve", alice, role))
    answer = client.get(reverse("people_start"))
    led = role in {Membership.Role.OWNER, Membership.Role.ADMINISTRATOR}
    assert answer.status_code == (200 if led else 403)
    if role == Membership.Role.ADMINISTRATOR:
        assert "See the balance" not in answer.content.decode(), "an administrator sees no money"
        client.post(reverse("people_start_invoice", args=[alice.pk]))
    assert not Invoice.objects.exists()


@pytest.mark.django_db
def test_threat_39_nobody_starts_for_another_merchant(client: Client, alice: Merchant) -> None:
    from cryptopay.merchants.onboarding import create_merchant

    client.force_login(person("bob", create_merchant("Bob's"), Membership.Role.OWNER))
    for name in ("people_start_of", "people_start_key", "people_start_invoice"):
        method = client.get if name == "people_start_of" else client.post
        assert method(reverse(name, args=[alice.pk])).status_code == 404
    assert not ApiKey.objects.filter(merchant=alice).exists()


@pytest.mark.django_db(transaction=True)
def test_a_newcomer_walks_from_sign_up_to_the_payment_page(
    browser: Browser, live_server: LiveServer, mailoutbox: list[EmailMessage], settings: Settings
) -> None:
    """In a browser, on a telephone's width; on the way a passkey is made, and signs in by itself."""
    settings.PUBLIC_URL = live_server.url.replace("127.0.0.1", "localhost")
    page = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    _with_authenticator(page)
    page.goto(f"{settings.PUBLIC_URL}{reverse('account_signup')}")
    page.get_by_label("Email").fill("dora@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign Up").click()
    page.locator("input[name=code]").fill(code_in(mailoutbox[0]))
    page.get_by_role("button", name="Confirm").click()
    page.get_by_label("Name").fill("Dora's")
    page.get_by_role("button", name="Begin").click()
    page.get_by_role("button", name="Make a test key").click()
    assert page.locator("#secret").inner_text().startswith("sk_test_")
    page.get_by_role("button", name="Open it for me").click()
    page.get_by_role("link", name="Open the payment page").click()
    page.get_by_text("First test payment").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    _make_a_passkey(page, settings.PUBLIC_URL)
    page.goto(f"{settings.PUBLIC_URL}{reverse('people_start')}")
    page.get_by_role("button", name="Sign out").first.click()
    page.goto(f"{settings.PUBLIC_URL}{reverse('account_login')}")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/admin/")
    assert not complaints
    page.context.close()


def _with_authenticator(page: Page) -> None:
    """A security key with a PIN, as the browser's own protocol makes one."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "automaticPresenceSimulation": True}
    session.send(
        "WebAuthn.addVirtualAuthenticator",
        {"options": {**options, "hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True}},
    )


def _make_a_passkey(page: Page, url: str) -> None:
    page.goto(f"{url}{reverse('mfa_add_webauthn')}")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    page.get_by_label("Passwordless").check()
    page.get_by_role("button", name="Add").click()
    page.get_by_text("Recovery Codes").first.wait_for()


@pytest.mark.django_db
def test_the_newest_invoice_is_paid_at_a_press(
    client: Client, alice: Merchant, settings: Settings, bitcoind: BitcoinNode
) -> None:
    settings.NODE_URLS = {CHAIN.code: bitcoind.url}
    client.force_login(person("olga", alice, Membership.Role.OWNER))
    client.post(reverse("people_start_key", args=[alice.pk]))
    client.post(reverse("people_start_invoice", args=[alice.pk]))
    assert "Pay it for me" not in client.get(reverse("people_start")).content.decode(), "test mode is off"
    settings.FAUCET_URLS = {CHAIN.code: faucet_url(CHAIN, bitcoind.url)}
    assert "Pay it for me" in client.get(reverse("people_start")).content.decode()
    answer = client.post(reverse("people_start_pay", args=[alice.pk]), follow=True)
    assert "Paid. In a few seconds" in answer.content.decode()
    act = Act.objects.get(book=alice.test_book)
    assert bitcoind.rpc("gettransaction", act.txid)["confirmations"] >= 2
