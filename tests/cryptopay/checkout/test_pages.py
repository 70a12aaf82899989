"""Every state of an invoice, as the server renders it."""

import html
import re
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
import segno
from django.test import Client
from django.utils import timezone

from cryptopay.checkout import views
from cryptopay.checkout.presentation import QUICK_SECONDS
from cryptopay.merchants import onboarding
from cryptopay.payments import lifecycle
from cryptopay.payments.models import Invoice, PaymentMethod
from cryptopay.payments.status import state_of
from keys.models import AddressAlarm
from ledger import rates
from ledger.models import Book, Rate
from monitor.tokens import Token

BTC, LTC, ETH = "BTC@bitcoin-regtest", "LTC@litecoin-regtest", "ETH@ethereum-dev"
RELOADS = f'<meta http-equiv="refresh" content="{QUICK_SECONDS}">'


def page(client: Client, invoice: Invoice, method: str = "") -> str:
    response = client.get(f"/pay/{invoice.public_id}" + (f"?method={quote(method)}" if method else ""))
    assert response.status_code == 200
    text: str = response.content.decode()
    return text


def headline(text: str) -> str:
    found = re.search(r'id="headline">([^<]*)<', text)
    assert found
    return html.unescape(found[1])


def test_a_payer_chooses_a_method_by_a_plain_form(client: Client, till) -> None:
    invoice = till.open(order_id="A-17", description="A bag of beans", return_url="https://shop.example/orders/17")
    text = page(client, invoice)
    assert headline(text) == "Choose how to pay"
    assert "Café Zoë" in text
    assert "14.50 EUR" in text
    assert "A bag of beans" in text
    assert 'href="https://shop.example/orders/17" target="_top" rel="noopener noreferrer"' in text
    strict = Client(enforce_csrf_checks=True)
    chosen = strict.post(f"/pay/{invoice.public_id}/method", {"method": BTC}, headers={"sec-fetch-site": "same-origin"})
    assert chosen.status_code == 302
    assert not strict.cookies, "inside another site's page there are none"
    assert PaymentMethod.objects.filter(invoice=invoice).count() == 1
    text = client.get(chosen["Location"]).content.decode()
    assert headline(text) == "Waiting for your payment"


@pytest.mark.parametrize("method", [BTC, LTC, ETH])
def test_a_new_invoice_shows_all_that_a_payer_needs(client: Client, till, method: str) -> None:
    invoice = till.open(method)
    (state,) = state_of(invoice).methods
    text = page(client, invoice)
    assert state.address in text
    assert html.escape(state.uri) in text
    assert state.remaining.text.rstrip("0") in text
    assert '<svg role="img" aria-label="QR code of the payment request"' in text
    assert f"{invoice.expires_at:%H:%M} UTC" in text
    assert "15 minutes left" in text
    assert RELOADS in text
    assert text.index("<noscript>") < text.index(RELOADS)


def test_the_qr_code_holds_the_payment_uri(client: Client, till) -> None:
    """The picture is compared module by module with one made from the URI anew."""
    invoice = till.open(BTC)
    (state,) = state_of(invoice).methods
    made = segno.make(state.uri, error="m", micro=False).svg_inline(border=4, omitsize=True)
    drawn = re.search(r'd="([^"]+)"', made)
    assert drawn
    assert drawn[1] in page(client, invoice)


def test_a_partial_payment_asks_for_the_rest(client: Client, till) -> None:
    invoice = till.open(BTC)
    before = state_of(invoice).methods[0]
    till.pay(invoice, "0.5")
    after = state_of(Invoice.objects.get(pk=invoice.pk)).methods[0]
    text = page(client, invoice)
    assert headline(text) == "Part of the amount has arrived"
    assert html.escape(after.uri) in text
    assert html.escape(before.uri) not in text
    assert "Still due" in text
    assert "0 of 2 confirmations" in text


def test_a_seen_payment_counts_its_confirmations(client: Client, till) -> None:
    invoice = till.open(BTC)
    till.pay(invoice)
    text = page(client, invoice)
    assert headline(text) == "Payment seen, waiting for confirmations"
    assert "0 of 2 confirmations" in text
    assert "<svg" not in text
    assert RELOADS in text
    till.mine(1)
    assert "1 of 2 confirmations" in page(client, invoice)
    till.mine(1)
    text = page(client, invoice)
    assert headline(text) == "Paid"
    assert "http-equiv" not in text


def test_ether_waits_for_finality_not_for_a_count(client: Client, till) -> None:
    invoice = till.open(ETH)
    till.pay(invoice, method=ETH)
    assert "Waiting for a block" in page(client, invoice)
    till.mine(1, ETH)
    text = page(client, invoice)
    assert "In a block, waiting until it is final" in text
    assert "<progress" not in text


def test_an_overpaid_invoice_says_the_surplus(client: Client, till) -> None:
    invoice = till.open(BTC)
    till.pay(invoice, "1.5")
    till.mine(2)
    text = page(client, invoice)
    assert headline(text) == "Paid, and more than was due"
    assert "Surplus" in text
    assert "Still due" not in text


def test_an_expired_invoice_asks_for_nothing(client: Client, till) -> None:
    invoice = till.open(BTC)
    address = invoice.methods.get().address.text
    till.pass_deadline(invoice)
    text = page(client, invoice)
    assert headline(text) == "This invoice has expired"
    assert address not in text
    assert "<svg" not in text


def test_the_deadline_counts_before_the_sweep_has_seen_it(client: Client, till) -> None:
    invoice = till.open(BTC)
    Invoice.objects.filter(pk=invoice.pk).update(expires_at=invoice.created_at)
    text = page(client, invoice)
    assert headline(text) == "This invoice has expired"
    assert "<svg" not in text
    assert "<form" not in text


def test_a_late_payment_is_not_lost(client: Client, till) -> None:
    invoice = till.open(BTC)
    till.pass_deadline(invoice)
    till.pay(invoice)
    till.mine(2)
    text = page(client, invoice)
    assert headline(text) == "Your payment came after the deadline"
    assert "Received late" in text


def test_a_partly_paid_invoice_that_expired_says_what_arrived(client: Client, till) -> None:
    invoice = till.open(BTC)
    till.pay(invoice, "0.5")
    till.pass_deadline(invoice)
    assert headline(page(client, invoice)) == "Expired before it was paid in full"


def test_an_invalid_invoice_sends_to_the_shop(client: Client, till) -> None:
    invoice = till.open(BTC)
    till.pay(invoice)
    till.end_monitoring(invoice)
    assert headline(page(client, invoice)) == "Payment not confirmed"


def test_another_method_can_be_chosen_and_seen(client: Client, till) -> None:
    invoice = till.open(BTC)
    assert "Or pay with" in page(client, invoice)
    answer = client.post(f"/pay/{invoice.public_id}/method", {"method": LTC}, follow=True)
    litecoin = PaymentMethod.objects.get(invoice=invoice, asset__code="LTC").address.text
    assert litecoin in answer.content.decode()
    assert litecoin not in page(client, invoice, BTC)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
def test_threat_39_another_sites_form_uses_up_no_address(client: Client, till, site: str) -> None:
    invoice = till.open()
    answer = client.post(f"/pay/{invoice.public_id}/method", {"method": BTC}, headers={"sec-fetch-site": site})
    assert answer.status_code == 403
    assert not PaymentMethod.objects.filter(invoice=invoice).exists()


def test_an_invoice_in_a_coin_offers_that_coin_alone(client: Client, till) -> None:
    invoice = lifecycle.open_invoice(till.book, lifecycle.NewInvoice(amount="0.01", currency="BTC")).invoice
    text = page(client, invoice)
    assert BTC in text
    assert LTC not in text


def test_a_stale_rate_refuses_the_method_and_says_so(client: Client, till, settings) -> None:
    settings.RATE_MAX_AGE_SECONDS = -60
    invoice = till.open()
    assert Rate.objects.exists()
    answer = client.post(f"/pay/{invoice.public_id}/method", {"method": BTC})
    assert answer.status_code == 409
    assert "cannot be offered at the moment" in answer.content.decode()
    assert not PaymentMethod.objects.filter(invoice=invoice).exists()


@pytest.mark.parametrize("method", ["", "DOGE", "BTC@bitcoin", "BTC\0", "x" * 5000])
def test_an_unknown_method_is_refused(client: Client, till, method: str) -> None:
    invoice = till.open()
    assert client.post(f"/pay/{invoice.public_id}/method", {"method": method}).status_code == 409
    assert not PaymentMethod.objects.filter(invoice=invoice).exists()


def test_a_method_asked_for_by_link_and_not_chosen_is_ignored(client: Client, till) -> None:
    assert headline(page(client, till.open(), 'nonsense"><script>')) == "Choose how to pay"


@pytest.mark.parametrize("path", ["inv_unknown", "inv_01jdzzzzzzzzzzzzzzzzzzzzzz", "1"])
@pytest.mark.parametrize("ending", ["", "/state"])
def test_an_unknown_invoice_is_a_friendly_404(client: Client, db: None, path: str, ending: str) -> None:
    answer = client.get(f"/pay/{path}{ending}")
    assert answer.status_code == 404
    assert "No such invoice" in answer.content.decode()


def test_threat_35_a_swapped_address_is_never_shown(client: Client, till) -> None:
    invoice = till.open(BTC)
    true = invoice.methods.get().address.text
    thief = "bcrt1q05fktjrqrr5ze7ntzukj0g0wrj5he0xm0l8srm"
    till.swap_address(invoice, thief)
    for path in ("", "/state"):
        text = client.get(f"/pay/{invoice.public_id}{path}").content.decode()
        assert headline(text) == "This way to pay is unavailable"
        assert "Payment by Bitcoin (regtest) is unavailable." in text
        assert not {thief, true} & set(re.findall(r"[0-9a-z]{40,}", text))
        assert "bcrt1" not in text
        assert "bitcoin:" not in text
        assert "http-equiv" not in text
        assert 'data-poll="0"' in text
        assert "<svg" not in text
    assert AddressAlarm.objects.filter(book=till.book).exists()


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}", "' onclick='alert(1)"]
)
def test_threat_41_what_a_shop_writes_is_text(client: Client, till, text: str) -> None:
    invoice = till.open(BTC, description=text, order_id=text[:100], metadata={"secret": "canary-metadata"})
    shown = page(client, invoice)
    assert html.escape(text) in shown
    if "<" in text:
        assert text not in shown
    assert "canary-metadata" not in shown


def test_nothing_of_the_tenant_leaks(client: Client, till) -> None:
    other = till.open(LTC, order_id="other-order", amount="99.00")
    invoice = till.open(BTC, customer_ref="customer-canary", metadata={"margin": "metadata-canary"})
    till.pay(invoice)
    text = page(client, invoice) + client.get(f"/pay/{invoice.public_id}/state").content.decode()
    for canary in ("customer-canary", "metadata-canary", "other-order", other.public_id, "99.00"):
        assert canary not in text


def test_the_page_is_private_and_strict(client: Client, till) -> None:
    answer = client.get(f"/pay/{till.open(BTC).public_id}")
    policy = answer["Content-Security-Policy"]
    for directive in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "script-src 'self'"):
        assert directive in policy
    assert "unsafe" not in policy
    assert "data:" not in policy
    assert answer["X-Frame-Options"] == "DENY"
    assert not answer.cookies
    assert "no-store" in answer["Cache-Control"]
    assert answer["X-Robots-Tag"] == "noindex"
    text = answer.content.decode()
    assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son[a-z]+=", text)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', text)
    assert "frame-ancestors 'none'" in client.get("/pay/inv_unknown")["Content-Security-Policy"]


def test_reloading_can_be_stopped(client: Client, till) -> None:
    invoice = till.open(BTC)
    assert "updates=off" in page(client, invoice)
    text = client.get(f"/pay/{invoice.public_id}?updates=off").content.decode()
    assert "http-equiv" not in text


def test_the_fragment_is_marked_by_what_it_says(client: Client, till) -> None:
    invoice = till.open(BTC)

    def mark() -> str:
        found = re.search(r'data-mark="(\w+)"', client.get(f"/pay/{invoice.public_id}/state").content.decode())
        assert found
        return found[1]

    first = mark()
    assert mark() == first
    till.pay(invoice, "0.5")
    assert mark() != first


def test_many_payments_cost_no_more_queries(client: Client, till, django_assert_max_num_queries) -> None:
    invoice = till.open(BTC)
    for _ in range(12):
        till.pay(invoice, "0.05")
    with django_assert_max_num_queries(14):
        assert page(client, invoice).count('class="txid"') == 12


def test_only_reading_is_a_get(client: Client, till) -> None:
    invoice = till.open()
    assert client.get(f"/pay/{invoice.public_id}/method").status_code == 405
    assert client.post(f"/pay/{invoice.public_id}").status_code == 405
    assert client.head(f"/pay/{invoice.public_id}").status_code == 200


def test_the_start_page_opens_every_door(client: Client, db: None, settings) -> None:
    settings.DEMO_SHOP_URL = "http://127.0.0.1:8001"
    text = client.get("/").content.decode()
    for door in ("http://127.0.0.1:8001", "/admin/", "/api/docs"):
        assert f'href="{door}"' in text
    settings.DEMO_SHOP_URL = ""
    assert "Demo shop" not in client.get("/").content.decode()


def test_threat_39_the_page_is_made_where_no_other_book_can_be_seen(
    client: Client, till, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, others = till.open(BTC), onboarding.create_merchant("Other").test_book
    when = {"expires_at": mine.expires_at, "monitored_until": mine.monitored_until}
    Invoice.objects.create(book=others, amount=1, currency="EUR", **when)
    seen, make = [], views._context

    def look_around(*given: Any) -> Any:
        changed = Invoice.objects.filter(book=others).update(amount=2)
        seen.append((Invoice.objects.count(), Book.objects.count(), changed))
        return make(*given)

    monkeypatch.setattr(views, "_context", look_around)
    page(client, mine)
    assert client.get(f"/pay/{mine.public_id}/state").status_code == 200
    assert seen == [(1, 1, 0)] * 2
    assert client.get("/pay/inv_00000000000000000000000000").status_code == 404


def test_a_token_is_told_from_others_of_its_name(client: Client, till) -> None:
    contract = "0x" + "ab" * 20
    Token.objects.create(chain_code="ethereum-dev", contract=contract, code="USDX", decimals=6)
    rates.record("USDX", "EUR", Decimal("0.86"), "test", timezone.now())
    invoice = till.open()
    assert "USDX on Ethereum (development)" in page(client, invoice)
    till.choose(invoice, "USDX")
    text = page(client, invoice)
    assert "16.860466" in text
    assert "Contract of USDX" in text
    assert contract in text
    assert f"ethereum:{contract}@31337/transfer?address=" in text.replace("&amp;", "&")
    till.choose(invoice, ETH)
    assert "Contract of" not in page(client, invoice, ETH)


def test_a_coin_that_was_not_asked_for_is_said_to_have_arrived(client: Client, till) -> None:
    Token.objects.create(chain_code="ethereum-dev", contract="0x" + "ab" * 20, code="USDX", decimals=6)
    invoice = till.open(ETH)
    till.pay(invoice, "0.001", method=ETH, contract="0x" + "ab" * 20)
    text = page(client, invoice)
    assert "Another coin than was asked for has arrived" in text
    assert "USDX" in text
    assert "Amount to pay" in text
