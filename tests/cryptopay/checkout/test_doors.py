"""Every address of the payment page: whoever has an invoice's link reads that invoice, and nothing else."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, reverse

from cryptopay.checkout import urls
from cryptopay.payments.models import Invoice, PaymentMethod
from tests.cryptopay.checkout.conftest import BTC, Till

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
DOORS = [pattern for pattern in urls.urlpatterns if isinstance(pattern, URLPattern)]


def _asked(client: Client, door: URLPattern, public_id: str) -> Iterator[tuple[str, HttpResponse]]:
    address = reverse(f"checkout:{door.name}", args=[public_id])
    for method in METHODS:
        yield method, client.generic(method, address, "method=BTC", "application/x-www-form-urlencoded")


def test_every_door_takes_an_invoices_id_and_nothing_else() -> None:
    assert len(DOORS) == len(urls.urlpatterns)
    for door in DOORS:
        assert set(door.pattern.converters) == {"public_id"}, f"Nobody tried to reach another's things at {door}"


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_threat_39_nothing_is_found_without_the_link(client: Client, till: Till, door: URLPattern) -> None:
    hers = till.open(BTC, order_id="tea for Ann")
    known = state_of(hers)
    for near in (hers.public_id[:-1], f"{hers.public_id}0", hers.public_id.upper(), str(hers.pk), "inv_" + "0" * 26):
        for method, answer in _asked(client, door, near):
            assert answer.status_code in (404, 405), (method, near)
            assert hers.public_id not in answer.content.decode()
    assert state_of(hers) == known


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_threat_39_the_link_shows_its_own_invoice_alone(client: Client, till: Till, door: URLPattern) -> None:
    """Another one of the same merchant is nobody's who pays this one; and one method at least opens this one."""
    mine, hers = till.open(BTC), till.open(BTC, order_id="tea for Ann")
    known, address = state_of(hers), hers.methods.get().address.text
    opened = []
    for method, answer in _asked(client, door, mine.public_id):
        shown = answer.content.decode()
        assert answer.status_code < 500, method
        for of_hers in (hers.public_id, address, "tea for Ann"):
            assert of_hers not in shown + answer.headers.get("Location", ""), method
        opened += [method] if answer.status_code in (200, 302, 303) else []
    assert opened
    assert "DELETE" not in opened
    assert state_of(hers) == known


def state_of(invoice: Invoice) -> list[dict[str, Any]]:
    """As it stands, with the ways to pay it."""
    return [*Invoice.objects.filter(pk=invoice.pk).values(), *PaymentMethod.objects.filter(invoice=invoice).values()]
