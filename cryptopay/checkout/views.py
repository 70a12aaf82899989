"""The payer's page, the fragment its script asks for, and the form that chooses a method.

Anyone with the link may see them. They set no cookie.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate

import structlog
from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.cache import add_never_cache_headers
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST, require_safe

from cryptopay.checkout import framing, languages, presentation
from cryptopay.merchants import payment_page
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


@dataclass(frozen=True, slots=True)
class Visit:
    """Whose invoice is looked at, and what each link of the page must carry on: a language, and the page around it."""

    invoice: Invoice
    merchant: Merchant
    carried: Mapping[str, str]

    def address(self, view: str = "invoice", **more: str) -> str:
        """Of the page, its fragment (`state`) or its form (`method`)."""
        query = urlencode({name: value for name, value in {**self.carried, **more}.items() if value})
        return reverse(f"checkout:{view}", args=[self.invoice.public_id]) + (f"?{query}" if query else "")


View = Callable[Concatenate[HttpRequest, Visit, ...], HttpResponse]


def _of_invoice(view: View) -> Callable[..., HttpResponse]:
    """Loads the invoice by the id in its link, which is unguessable; says so kindly where there is none.

    One transaction a request; the database shows it the invoice's book alone.
    """

    @wraps(view)
    def found(request: HttpRequest, public_id: str) -> HttpResponse:
        book_id = payers.book_of(public_id)
        if book_id is None:
            return _spoken(request, languages.chosen(request), lambda: _not_found(request))
        with tenancy.book(book_id):
            invoice = Invoice.objects.select_related("book").get(book=book_id, public_id=public_id)
            merchant = Merchant.objects.get(Q(live_book=invoice.book) | Q(test_book=invoice.book))
            origins = payment_page.may_frame(merchant.shop_origins, live=not invoice.book.is_test)
            carried = {"lang": languages.named(request), "embed": framing.embedder(request, origins)}
            visit = Visit(invoice, merchant, carried)
            language = languages.chosen(request, merchant.payment_page_language)
            return _spoken(request, language, lambda: view(request, visit), origins)

    return found


def _spoken(
    request: HttpRequest, language: str, answer: Callable[[], HttpResponse], origins: list[str] | None = None
) -> HttpResponse:
    """The answer in that language, kept by nobody, shown inside the pages of these origins alone."""
    with translation.override(language):
        response = answer()
    framing.guard(response, origins or [])
    add_never_cache_headers(response)
    response["Content-Language"] = language
    response["X-Robots-Tag"] = "noindex"
    return response


def _not_found(request: HttpRequest) -> HttpResponse:
    return render(request, "checkout/not_found.html", status=404)


@require_safe
@_of_invoice
def invoice_page(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The page. `?method=` shows that method, `?updates=off` stops the reloading for want of scripts."""
    return render(request, "checkout/invoice.html", _context(request, visit))


@require_GET
@_of_invoice
def invoice_state(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The changing part of the page alone."""
    return render(request, "checkout/state.html", _context(request, visit))


@csrf_exempt  # there is no cookie to abuse, and none to compare with inside another site's page
@require_POST
@_of_invoice
def choose_method(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Fix the amount in the chosen coin, issue an address for it, and show both."""
    if framing.comes_from_elsewhere(request):
        return HttpResponseForbidden()
    method = request.POST.get("method", "")
    try:
        lifecycle.choose_method(visit.invoice.pk, visit.invoice.book, method)
    except InvoiceClosed:
        return HttpResponseRedirect(visit.address())
    except (PaymentError, LedgerError, KeysError, BadAmount, ChainOff) as error:
        log.warning("checkout.method_refused", invoice=visit.invoice.public_id, code=error.code)
        refusal = _("This way to pay cannot be offered at the moment. Choose another one, or try again in a minute.")
        return render(request, "checkout/invoice.html", _context(request, visit, refusal), status=409)
    return HttpResponseRedirect(visit.address(method=method))


@require_safe
def start(request: HttpRequest) -> HttpResponse:
    """What this installation is, and its doors."""
    doors = {"demo_shop_url": settings.DEMO_SHOP_URL}
    return _spoken(request, languages.chosen(request), lambda: render(request, "checkout/start.html", doors))


def _context(request: HttpRequest, visit: Visit, refusal: str = "") -> dict[str, Any]:
    invoice = visit.invoice
    payee = presentation.Payee(visit.merchant.name, visit.merchant.contact)
    wanted = request.GET.get("method", "")
    offers = lifecycle.offers(invoice.book) if invoice.status == Invoice.Status.NEW else []
    page = presentation.page(_state(invoice), payee, offers, wanted, timezone.now())
    shown = languages.every(translation.get_language() or settings.LANGUAGE_CODE)
    return {
        "page": page,
        "invoice": invoice,
        "refusal": refusal,
        "reloads": page.poll_seconds and request.GET.get("updates") != "off",
        "embedder": visit.carried["embed"],
        "state_address": visit.address("state", method=page.selected),
        "form_address": visit.address("method"),
        "still_address": visit.address(method=page.selected, updates="off"),
        "languages": [(language, visit.address(method=page.selected, lang=language.code)) for language in shown],
    }


def _state(invoice: Invoice) -> status.InvoiceState:
    """Addresses are verified only where one may be shown. Where none can be, the page still stands, and shows none."""
    try:
        return status.state_of(invoice, with_addresses=invoice.status == Invoice.Status.NEW)
    except KeysError as error:
        log.exception("checkout.address_withheld", invoice=invoice.public_id, code=error.code)
        return status.state_of(invoice, with_addresses=False)
