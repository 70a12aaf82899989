"""The payer's page, the fragment its script asks for, and the form that chooses a method.

Anyone with the link may see them.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate

import structlog
from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST, require_safe

from cryptopay.checkout import presentation
from cryptopay.merchants.models import Merchant
from cryptopay.payments import lifecycle, payers, status
from cryptopay.payments.errors import InvoiceClosed, PaymentError
from cryptopay.payments.models import Invoice
from keys.errors import KeysError
from ledger import tenancy
from ledger.errors import LedgerError
from ledger.money import BadAmount
from monitor.errors import ChainOff

log = structlog.get_logger(__name__)

View = Callable[Concatenate[HttpRequest, Invoice, ...], HttpResponse]


def _of_invoice(view: View) -> Callable[..., HttpResponse]:
    """Loads the invoice by the id in its link, which is unguessable; says so kindly where there is none.

    One transaction a request; the database shows it the invoice's book alone.
    """

    @wraps(view)
    def found(request: HttpRequest, public_id: str) -> HttpResponse:
        book_id = payers.book_of(public_id)
        if book_id is None:
            response = render(request, "checkout/not_found.html", status=404)
        else:
            with tenancy.book(book_id):
                response = view(request, Invoice.objects.select_related("book").get(book=book_id, public_id=public_id))
        add_never_cache_headers(response)
        response["X-Robots-Tag"] = "noindex"
        return response

    return found


@require_safe
@_of_invoice
def invoice_page(request: HttpRequest, invoice: Invoice) -> HttpResponse:
    """The page. `?method=` shows that method, `?updates=off` stops the reloading for want of scripts."""
    return render(request, "checkout/invoice.html", _context(request, invoice))


@require_GET
@_of_invoice
def invoice_state(request: HttpRequest, invoice: Invoice) -> HttpResponse:
    """The changing part of the page alone."""
    return render(request, "checkout/state.html", _context(request, invoice))


@require_POST
@_of_invoice
def choose_method(request: HttpRequest, invoice: Invoice) -> HttpResponse:
    """Fix the amount in the chosen coin, issue an address for it, and show both."""
    method = request.POST.get("method", "")
    try:
        lifecycle.choose_method(invoice.pk, invoice.book, method)
    except InvoiceClosed:
        return HttpResponseRedirect(_address_of(invoice))
    except (PaymentError, LedgerError, KeysError, BadAmount, ChainOff) as error:
        log.warning("checkout.method_refused", invoice=invoice.public_id, code=error.code)
        refusal = _("This way to pay cannot be offered at the moment. Choose another one, or try again in a minute.")
        return render(request, "checkout/invoice.html", _context(request, invoice, refusal), status=409)
    return HttpResponseRedirect(f"{_address_of(invoice)}?{urlencode({'method': method})}")


@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """What this installation is, and its doors."""
    return render(request, "checkout/start.html", {"demo_shop_url": settings.DEMO_SHOP_URL})


def _context(request: HttpRequest, invoice: Invoice, refusal: str = "") -> dict[str, Any]:
    payee = Merchant.objects.get(Q(live_book=invoice.book) | Q(test_book=invoice.book)).name
    wanted = request.GET.get("method", "")
    offers = lifecycle.offers(invoice.book) if invoice.status == Invoice.Status.NEW else []
    page = presentation.page(_state(invoice), payee, offers, wanted, timezone.now())
    query = urlencode({"method": page.selected}) if page.selected else ""
    return {
        "page": page,
        "invoice": invoice,
        "refusal": refusal,
        "reloads": page.poll_seconds and request.GET.get("updates") != "off",
        "query": query,
    }


def _state(invoice: Invoice) -> status.InvoiceState:
    """Addresses are verified only where one may be shown. Where none can be, the page still stands, and shows none."""
    try:
        return status.state_of(invoice, with_addresses=invoice.status == Invoice.Status.NEW)
    except KeysError as error:
        log.exception("checkout.address_withheld", invoice=invoice.public_id, code=error.code)
        return status.state_of(invoice, with_addresses=False)


def _address_of(invoice: Invoice) -> str:
    return reverse("checkout:invoice", args=[invoice.public_id])
