"""The first steps: from a new merchant to a first test payment, then to real money. The books say what is done."""

from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from cryptopay.merchants import api_keys
from cryptopay.merchants.models import ApiKey, Membership, Merchant, User
from cryptopay.payments import lifecycle
from cryptopay.payments.errors import PaymentError
from cryptopay.payments.lifecycle import NewInvoice
from cryptopay.payments.models import Invoice, PaymentMethod
from cryptopay.people.doors import signed_in
from cryptopay.testmode import acting
from cryptopay.testmode.acting import Wish
from cryptopay.testmode.errors import TestModeError
from cryptopay.webhooks.models import Endpoint, Event
from keys import testing
from keys.errors import KeysError
from keys.models import MasterKey
from ledger import tenancy
from ledger.models import Balance
from ledger.money import to_text
from ledger.readonly import url_of

_MAKES_KEYS = "merchants.add_apikey"
_SEES_SALES = "payments.view_invoice"
_SCOPES = [
    *(ApiKey.Scope.INVOICES_READ, ApiKey.Scope.INVOICES_WRITE),
    *(ApiKey.Scope.WEBHOOKS_READ, ApiKey.Scope.WEBHOOKS_WRITE, ApiKey.Scope.LEDGER_READ),
]
EXAMPLE_AMOUNT = "0.0005"
_EVENTS_SHOWN = 5
_BLOCKS = 2
"""Mined on the test payment: what a small one in bitcoin waits for."""


def merchants_of(user: User) -> list[Merchant]:
    """Those whose keys this person makes, by name."""
    if user.is_superuser:
        return list(Merchant.objects.order_by("name"))
    seats = Membership.objects.filter(user=user).values("merchant")
    mine = Merchant.objects.filter(pk__in=seats).order_by("name")
    return [merchant for merchant in mine if user.has_perm(_MAKES_KEYS, merchant)]


@signed_in
def page(request: HttpRequest, merchant_id: int | None = None) -> HttpResponse:
    """Each step: done, or what to do."""
    if merchant_id is None and not merchants_of(cast(User, request.user)):
        return render(request, "people/no_start.html", status=403)
    merchant = _merchant(request, merchant_id)
    with tenancy.books([merchant.test_book_id, merchant.live_book_id]):
        return _drawn(request, merchant)


@require_POST
@signed_in
def key(request: HttpRequest, merchant_id: int) -> HttpResponse:
    """A test key, shown this once, in the example that uses it; pages of `signed_in` are stored nowhere."""
    merchant = _merchant(request, merchant_id)
    with tenancy.books([merchant.test_book_id, merchant.live_book_id]):
        testing.import_unspendable(merchant.test_book)
        maker = cast(User, request.user)
        _, secret = api_keys.create(merchant, "Get started", live=False, scopes=_SCOPES, made_by=maker)
        return _drawn(request, merchant, secret=secret)


@require_POST
@signed_in
def invoice(request: HttpRequest, merchant_id: int) -> HttpResponse:
    """The example's invoice, for whoever has no terminal at hand."""
    merchant = _merchant(request, merchant_id)
    if not cast(User, request.user).has_perm(_SEES_SALES, merchant):
        raise Http404
    with tenancy.book(merchant.test_book_id):
        testing.import_unspendable(merchant.test_book)
        try:
            lifecycle.open_invoice(merchant.test_book, _example(merchant))
        except (PaymentError, KeysError) as refused:
            messages.error(request, f"{refused} Ask whoever runs this installation.")
    return redirect("people_start_of", merchant.pk)


@require_POST
@signed_in
def pay(request: HttpRequest, merchant_id: int) -> HttpResponse:
    """The newest invoice, as a payer would, with worthless coins; and mined at once."""
    merchant = _merchant(request, merchant_id)
    if not cast(User, request.user).has_perm(_SEES_SALES, merchant):
        raise Http404
    book = merchant.test_book_id
    with tenancy.book(book):
        newest = Invoice.objects.filter(book=book).order_by("-pk").first()
        known = ApiKey.objects.filter(merchant=merchant, live=False, revoked_at=None).select_related("book")
        used = known.order_by("-pk").first()
        if newest is None or used is None:
            raise Http404
        try:
            with transaction.atomic():
                acting.pay_invoice(used, newest, _method_of(newest), Wish(blocks=_BLOCKS))
            messages.success(request, "Paid. In a few seconds it is seen, then booked.")
        except (TestModeError, PaymentError, KeysError) as refused:
            messages.error(request, str(refused))
    return redirect("people_start_of", merchant.pk)


def _method_of(row: Invoice) -> str | None:
    """The one that was chosen, or the first there is."""
    if PaymentMethod.objects.filter(book=row.book_id, invoice=row).exists():
        return None
    offered = lifecycle.offers(row.book)
    return offered[0].method if offered else None


def _example(merchant: Merchant) -> NewInvoice:
    offered = lifecycle.offers(merchant.test_book)
    code = offered[0].asset_code if offered else "BTC"
    return NewInvoice(amount=EXAMPLE_AMOUNT, currency=code, order_id="first-test", description="First test payment")


def _merchant(request: HttpRequest, merchant_id: int | None) -> Merchant:
    found = [one for one in merchants_of(cast(User, request.user)) if merchant_id in (None, one.pk)]
    if not found:
        raise Http404
    return found[0]


def _drawn(request: HttpRequest, merchant: Merchant, secret: str = "") -> HttpResponse:
    """Where the database shows the merchant's two books."""
    sees_sales = cast(User, request.user).has_perm(_SEES_SALES, merchant)
    context = {
        "merchant": merchant,
        "secret": secret,
        "public_url": settings.PUBLIC_URL,
        "example": _example(merchant),
        "sees_sales": sees_sales,
        "keys": list(ApiKey.objects.filter(merchant=merchant, revoked_at=None, live=False).order_by("-pk")[:3]),
        **(_test_payment(merchant) if sees_sales else {}),
        **_going_live(merchant),
    }
    return render(request, "people/start.html", context)


def _test_payment(merchant: Merchant) -> dict[str, Any]:
    book = merchant.test_book_id
    newest = Invoice.objects.filter(book=book).order_by("-pk").first()
    events = Event.objects.filter(book=book).order_by("-pk")[:_EVENTS_SHOWN]
    held = Balance.objects.filter(book=book, account__code__startswith="assets:custody:", posted__gt=0)
    return {
        "invoice": newest,
        "pays": bool(settings.FAUCET_URLS),
        "waits": newest is not None and newest.status in (Invoice.Status.NEW, Invoice.Status.PROCESSING),
        "invoice_page": url_of(newest) if newest else "",
        "events": list(events),
        "balances": [
            f"{to_text(int(row.posted), row.account.asset.decimals)} {row.account.asset}"
            for row in held.select_related("account__asset")
        ],
    }


def _going_live(merchant: Merchant) -> dict[str, Any]:
    live = merchant.live_book_id
    return {
        "live_keys": MasterKey.objects.filter(book=live, active=True).exists(),
        "live_endpoint": Endpoint.objects.filter(book=live, disabled_at=None).exists(),
        "live_api_key": ApiKey.objects.filter(merchant=merchant, live=True, revoked_at=None).exists(),
    }
