"""A chain whose node is taken out of the settings: nothing of it is lost, and nobody is told what nobody knows."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from cryptopay.payments import lifecycle, tasks
from cryptopay.payments.models import Invoice, Payment
from monitor import follower
from tests.cryptopay.payments.conftest import Ticker

pytestmark = pytest.mark.django_db


@pytest.fixture
def off(settings: Settings, bitcoin: Ticker) -> None:
    """Bitcoin was read, and has no node from now on."""
    bitcoin.read(timezone.now())
    settings.NODE_URLS = {code: url for code, url in settings.NODE_URLS.items() if code != bitcoin.chain.code}


def _swept(invoice: Invoice, after: timedelta) -> str:
    lifecycle.sweep(invoice.expires_at + after)
    invoice.refresh_from_db()
    return str(invoice.status)


def test_an_unpaid_invoice_stays_open_until_somebody_says_that_nothing_more_will_be_read(
    invoice: Invoice, bitcoin: Ticker, off: None
) -> None:
    """Expired would say that nobody paid, which nobody knows."""
    assert _swept(invoice, timedelta(days=30)) == Invoice.Status.NEW
    follower.retire(bitcoin.chain.code)
    assert _swept(invoice, timedelta(days=30)) == Invoice.Status.EXPIRED


def test_what_was_told_before_is_still_booked(invoice: Invoice, bitcoin: Ticker, settings: Settings) -> None:
    method = invoice.methods.get(asset__chain=bitcoin.chain.code)
    bitcoin.see(invoice, method.due_base_units, mined=True)
    bitcoin.bury()
    bitcoin.read(timezone.now())
    tasks.drain_switched_off()
    assert not Payment.objects.exists(), "its own step rings for it"
    settings.NODE_URLS = {}
    tasks.drain_switched_off()
    assert Payment.objects.get().state == Payment.State.CONFIRMED
    invoice.refresh_from_db()
    assert invoice.status == Invoice.Status.SETTLED


def test_money_that_comes_to_a_retired_chain_is_found_when_it_is_read_again(
    invoice: Invoice, bitcoin: Ticker, off: None, settings: Settings
) -> None:
    method = invoice.methods.get(asset__chain=bitcoin.chain.code)
    follower.retire(bitcoin.chain.code)
    assert _swept(invoice, timedelta(days=1)) == Invoice.Status.EXPIRED
    settings.NODE_URLS = {bitcoin.chain.code: "http://127.0.0.1:1"}
    bitcoin.see(invoice, method.due_base_units, mined=True)
    bitcoin.bury()
    bitcoin.drain()
    assert Payment.objects.get().state == Payment.State.CONFIRMED
