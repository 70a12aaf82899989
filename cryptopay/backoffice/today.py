"""The first page: what needs me today? Approvals, what is unconfirmed, failed deliveries, chains; then how much."""

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Model, Q, QuerySet, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timesince

from cryptopay.backoffice.scoping import books_where, limit, permission_to
from cryptopay.backoffice.seals import Seal, seals
from cryptopay.payments import sharing
from cryptopay.payments.models import IntakePosition, Invoice, Payment, UnassignedReceipt
from cryptopay.payments.quotes import asked
from cryptopay.payments.status import PaymentState, payment_states
from cryptopay.webhooks.models import Delivery, Endpoint
from keys.models import AddressAlarm
from ledger import proposals
from ledger.admin.asking import MAY_DECIDE
from ledger.admin.proposals import title
from ledger.models import Account, Asset, Balance, Book, Proposal
from ledger.readonly import amount
from monitor.admin_chains import standing
from monitor.chains import CHAINS
from monitor.expectation import State as Expectation
from monitor.models import Cursor, Deposit, ParkedTransaction
from monitor.standing import State as Standing
from monitor.standing import standing as standing_of
from reports import receipts

SHOWN = 8
DAYS = 14


@dataclass(frozen=True, slots=True)
class Need:
    """A short list of what waits for somebody; `more` leads to all of it."""

    title: str
    icon: str
    empty: str
    rows: list[tuple[object, ...]]
    more: str
    urgent: bool = False


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the page is drawn from. A member sees the parts they may open, with their own books' figures."""
    needs = [draw(request) for model, draw in _NEEDS if _may_see(request, model)]
    context |= {"title": "Today", "needs": needs}
    if _may_see(request, Account):
        books = books_where(request, permission_to("view", Account))
        context |= {"balances": _balances(books), "receipts": _receipts(books), "seals": _seals(books)}
    return context


def _may_see(request: HttpRequest, model: type[Model]) -> bool:
    page = admin.site._registry.get(model)
    return page is not None and page.has_view_permission(request)


def _mine(request: HttpRequest, model: type[Model]) -> QuerySet[Any]:
    return model._default_manager.filter(limit(request, model, admin.site))


def _list(model: type[Model], query: str = "") -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist") + query


def _page(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def _age(at: datetime) -> str:
    return timesince(at, timezone.now(), depth=1)


def _payments(request: HttpRequest) -> Need:
    waiting = _mine(request, Payment).filter(state=Payment.State.SEEN).order_by("pk")
    payments = list(waiting.select_related("deposit", "asset", "invoice")[:SHOWN])
    rows: list[tuple[object, ...]] = [
        (
            _page(payment),
            payment.invoice,
            amount(payment.base_units, payment.asset),
            _depth(state),
            _age(payment.seen_at),
        )
        for payment, state in zip(payments, payment_states(payments), strict=True)
    ]
    empty = "No payment is waiting for confirmations."
    return Need("Not yet received", "hourglass_top", empty, rows, _list(Payment, "?state__exact=seen"))


def _depth(state: PaymentState) -> str:
    if state.expected.state == Expectation.STUCK:
        return "stuck"
    if state.required_confirmations is None:
        return "waits for finality"
    return f"{min(state.confirmations, state.required_confirmations)} of {state.required_confirmations}"


def _invoices(request: HttpRequest) -> Need:
    open_ones = Q(status=Invoice.Status.PROCESSING) | Q(
        exception=Invoice.Exceptional.PAID_PARTIAL, status__in=[Invoice.Status.NEW, Invoice.Status.EXPIRED]
    )
    invoices = _mine(request, Invoice).filter(open_ones).select_related("customer").order_by("pk")[:SHOWN]
    rows: list[tuple[object, ...]] = [
        (_page(invoice), invoice, _asked(invoice), _words(invoice), _age(invoice.created_at)) for invoice in invoices
    ]
    return Need("Invoices in between", "receipt_long", "No invoice is half paid or waiting.", rows, _list(Invoice))


def _asked(invoice: Invoice) -> str:
    return f"{asked(invoice.amount, invoice.currency)} {invoice.currency}"


def _words(invoice: Invoice) -> str:
    special = invoice.exception != Invoice.Exceptional.NONE
    return str(invoice.get_exception_display() if special else invoice.get_status_display())


def _receipts_of_nobody(request: HttpRequest) -> Need:
    found = sharing.nobodys(_mine(request, UnassignedReceipt)).select_related("asset", "deposit", "account__watched")
    rows: list[tuple[object, ...]] = [
        (
            _page(receipt),
            amount(receipt.base_units, receipt.asset),
            receipt.deposit.memo or "no memo",
            receipt.deposit.sender,
            _age(receipt.seen_at),
        )
        for receipt in found.order_by("pk")[:SHOWN]
    ]
    empty = "Everything that arrived is somebody's."
    return Need("Unassigned receipts", "help", empty, rows, _list(UnassignedReceipt), urgent=bool(rows))


def _deliveries(request: HttpRequest) -> Need:
    failing = Q(state=Delivery.State.FAILED) | Q(state=Delivery.State.WAITING, attempts__gt=0)
    found = _mine(request, Delivery).filter(failing).select_related("event", "endpoint").order_by("-pk")[:SHOWN]
    rows: list[tuple[object, ...]] = [
        (_page(row), row.event.type, row.endpoint.url, row.get_state_display(), f"{row.attempts} tries")
        for row in found
    ]
    rows = [*_given_up(request), *rows]
    empty = "Every webhook was delivered."
    return Need("Failed deliveries", "outbox", empty, rows, _list(Delivery), urgent=bool(rows))


def _given_up(request: HttpRequest) -> list[tuple[object, ...]]:
    """Endpoints that failed for so long that we switched them off."""
    if not _may_see(request, Endpoint):
        return []
    found = _mine(request, Endpoint).filter(given_up_at__isnull=False).order_by("-given_up_at")[:SHOWN]
    return [(_page(row), row.url, "switched off", row.disabled_reason, _age(row.given_up_at)) for row in found]


def _chains(request: HttpRequest) -> Need:
    stood = [(cursor, standing_of(cursor)) for cursor in Cursor.objects.order_by("chain_code")]
    rows: list[tuple[object, ...]] = [
        (_page(cursor), cursor.chain.title, standing(cursor)[1], "", "")
        for cursor, now in stood
        if _needs_a_look(request, cursor, now.state)
    ]
    rows += [
        (_page(row), row.chain.title, f"a deposit is held: {row.held_because}", row.txid, _age(row.held_since))
        for row in _mine(request, Deposit).filter(held_since__isnull=False).order_by("pk")[:SHOWN]
    ]
    rows += [
        (_page(row), CHAINS[row.chain_code].title, f"a transaction is set aside: {row.reason}", "", _age(row.parked_at))
        for row in _mine(request, ParkedTransaction).filter(state=ParkedTransaction.State.OPEN).order_by("pk")[:SHOWN]
    ]
    pages = {cursor.chain_code: _page(cursor) for cursor in Cursor.objects.all()}
    for stopped in IntakePosition.objects.filter(failing_since__isnull=False):
        title = CHAINS[stopped.chain_code].title
        rows.append((pages.get(stopped.chain_code, ""), title, "payments are not booked", stopped.failure, ""))
    return Need("Chains", "link", "Every chain is being read.", rows, _list(Cursor), urgent=bool(rows))


def _needs_a_look(request: HttpRequest, cursor: Cursor, state: Standing) -> bool:
    """A chain that is switched off matters while somebody waits for what it would tell."""
    if state != Standing.OFF:
        return state in (Standing.FAILING, Standing.HALTED)
    open_ones = [Invoice.Status.NEW, Invoice.Status.PROCESSING]
    waiting = Q(status__in=open_ones, methods__asset__chain=cursor.chain_code)
    return _mine(request, Invoice).filter(waiting).exists()


def _alarms(request: HttpRequest) -> Need:
    found = _mine(request, AddressAlarm).order_by("-pk")[:SHOWN]
    rows: list[tuple[object, ...]] = [(_page(alarm), alarm.found, "", "", _age(alarm.found_at)) for alarm in found]
    empty = "Every address follows from its key."
    return Need("Withheld addresses", "gpp_maybe", empty, rows, _list(AddressAlarm), urgent=bool(rows))


def _proposals(request: HttpRequest) -> Need:
    """What waits for this person's word, first; beside it what they asked and others must decide."""
    waiting = proposals.waiting(_mine(request, Proposal)).select_related("book").order_by("pk")
    me = request.user.get_username()
    deciding = limit(request, Proposal, admin.site, MAY_DECIDE)
    mine = list(waiting.filter(deciding).exclude(asked_by__iexact=me)[:SHOWN])
    others = list(waiting.exclude(pk__in=[row.pk for row in mine])[: SHOWN - len(mine)])
    rows: list[tuple[object, ...]] = [
        (_page(row), title(row), row.book, f"asked by {row.asked_by}{whose}", _age(row.asked_at))
        for found, whose in ((mine, ""), (others, ", waits for someone else"))
        for row in found
    ]
    empty = "Nothing waits for a second person."
    return Need("Waiting for a second person", "how_to_reg", empty, rows, _list(Proposal, "?state=waiting"), bool(mine))


_NEEDS: tuple[tuple[type[Model], Callable[[HttpRequest], Need]], ...] = (
    (Proposal, _proposals),
    (Payment, _payments),
    (Invoice, _invoices),
    (UnassignedReceipt, _receipts_of_nobody),
    (Delivery, _deliveries),
    (Cursor, _chains),
    (AddressAlarm, _alarms),
)


def _seals(books: QuerySet[Book]) -> list[dict[str, Any]]:
    """A line a book, for the first few: its newest block, proved now, and what is not sealed yet."""
    shown = {book.pk: str(book) for book in books.order_by("pk")[:SHOWN]}
    return [{"book": shown[seal.book_id], "seal": seal, "waits": _waits(seal)} for seal in seals(list(shown))]


def _waits(seal: Seal) -> str:
    return f"oldest entry not sealed: {_age(seal.waits_since)} ago" if seal.waits_since else "everything is sealed"


def _balances(books: QuerySet[Book]) -> list[dict[str, Any]]:
    """Coins on our addresses, an asset and book a line: validated beside not yet received, as shares of a bar."""
    sums = (
        Balance.objects.filter(book__in=books, account__code__startswith="assets:custody:")
        .values("book", "account__asset")
        .annotate(validated=Sum("posted"), pending=Sum("pending_in"))
        .order_by("book", "account__asset")
    )
    assets = Asset.objects.in_bulk()
    named = {book.pk: str(book) for book in books}
    return [
        _bar(named[row["book"]], assets[row["account__asset"]], int(row["validated"]), int(row["pending"]))
        for row in sums
    ]


def _bar(book: str, asset: Asset, validated: int, pending: int) -> dict[str, Any]:
    whole = max(validated, 0) + pending
    percent = max(validated, 0) * 100 // whole if whole else 0
    return {
        "book": book,
        "asset": asset,
        "validated": amount(validated, asset),
        "pending": amount(pending, asset),
        "validated_percent": percent,
        "pending_percent": 100 - percent if pending else 0,
    }


def _receipts(books: QuerySet[Book]) -> list[dict[str, Any]]:
    """Receipts of the last days for the theme's bar chart, one an asset. Bars are rounded; every table is exact."""
    today = timezone.now().date()
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    by_asset: dict[int, dict[date, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for (day, _, asset), figures in receipts.totals_by_day(books, since=days[0]).items():
        for column, base_units in enumerate(figures):
            by_asset[asset][day][column] += base_units
    assets = Asset.objects.in_bulk(by_asset)
    return [_chart(assets[asset], days, moved) for asset, moved in by_asset.items()]


def _chart(asset: Asset, days: list[date], moved: dict[date, list[int]]) -> dict[str, Any]:
    series = (("Validated", "var(--color-primary-600)", 0), ("Not yet received", "var(--color-orange-500)", 1))
    data = {
        "labels": [f"{day:%-d %b}" for day in days],
        "datasets": [
            {
                "label": label,
                "backgroundColor": colour,
                "stack": "day",
                "maxBarThickness": 24,
                "data": [_height(asset, moved, day, n) for day in days],
            }
            for label, colour, n in series
        ],
    }
    return {"asset": asset, "data": json.dumps(data)}


def _height(asset: Asset, moved: dict[date, list[int]], day: date, column: int) -> int | float:
    """The height of a bar, not an amount."""
    return moved[day][column] / 10**asset.decimals if day in moved else 0
