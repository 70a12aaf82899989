"""Reconciliation as a page: what the nodes say our addresses hold, against the books; cases; accounts not cleared."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString

from cryptopay.backoffice.scoping import books_where
from cryptopay.monthend import cases
from ledger import chart, clearing
from ledger.models import Account
from ledger.readonly import amount, label, moment, page_of, table
from monitor.chains import CHAINS
from monitor.connectors.holdings import Way
from monitor.reconciliations import Reconciliation, ReconciliationAttempt, newest
from monitor.standing import REASONS

READS_RECONCILIATIONS = "monitor.view_reconciliation"
SHOWN = 100
"""Accounts that are not cleared: what is longest overdue. A book has a few an asset."""
WAYS = {
    Way.BALANCES: "",
    Way.KNOWN_OUTPUTS: "Only outputs that were booked: this node has no search by address, so coins nobody booked are "
    "not found.",
    Way.RECEIPTS: "Receipts only: a view key does not show spending. Both figures are all that was ever received; what "
    "left is what people booked by hand.",
}
_WHY = {**REASONS, "reconciliation_not_ready": "the chain did not come to rest at a block that both sides have"}


@dataclass(frozen=True, slots=True)
class Line:
    """One custody account, and how it was last reconciled; `run` None: never."""

    account: Account
    run: Reconciliation | None
    failing_since: datetime | None
    why: str

    @property
    def state(self) -> SafeString:
        if self.run is None:
            return label("Not reconciled yet", "warning")
        if self.failing_since is not None:
            return label("Not reconciled since", "warning")
        return label("Differs", "danger") if self.run.difference else label("Agrees", "success")


def page(request: HttpRequest) -> HttpResponse:
    """Every custody account of the person's books."""
    if not request.user.has_perm(READS_RECONCILIATIONS):
        raise PermissionDenied
    mine = books_where(request, READS_RECONCILIATIONS)
    books = [book.pk for book in mine]
    lines = lines_of(books)
    context = {
        **admin.site.each_context(request),
        "title": "Reconciliation",
        "minutes": round(settings.RECONCILE_SECONDS / 60),
        "table": table(
            ["Asset", "State", "The node says", "Custody", "On its way", "Difference", "Asked"],
            [_row(line) for line in lines],
            "No coins were received yet. Once they are, each node is asked here what lies on your addresses, and the "
            "answer stands beside the books.",
        ),
        "notes": sorted({(CHAINS[line.run.chain_code].title, WAYS[Way(line.run.way)]) for line in lines if line.run}),
        "failing": sorted(
            {(_title(line.account.asset.chain), line.failing_since, line.why) for line in lines if line.why}
        ),
        "cases": [
            (case, amount(case.run.difference, case.asset))
            for case in cases.open_cases(books).select_related("asset", "run", "book")
        ],
        "uncleared": table(
            ["Account", "Holds", "Since", "May take"],
            [
                (page_of(row.account), amount(row.base_units, row.account.asset), moment(row.since), _days(row))
                for row in clearing.uncleared(clearing.open_ones(Account.objects.filter(book__in=mine)), limit=SHOWN)
            ],
            "Suspense and coins in transit are at zero.",
        ),
    }
    return TemplateResponse(request, "backoffice/reconciliation.html", context)


def lines_of(book_ids: Iterable[int]) -> list[Line]:
    """By book and chain."""
    runs = {(run.book_id, run.asset_id): run for run in newest(book_ids).select_related("asset")}
    attempts = {row.chain_code: row for row in ReconciliationAttempt.objects.filter(failing_since__isnull=False)}
    accounts = Account.objects.filter(book_id__in=list(book_ids), code__startswith=chart.CUSTODY)
    found = []
    for account in accounts.select_related("asset", "book").order_by("book", "code", "asset"):
        failing = attempts.get(account.asset.chain)
        why = _WHY.get(failing.failure_code, REASONS["node_error"]) if failing else ""
        since = failing.failing_since if failing else None
        found.append(Line(account, runs.get((account.book_id, account.asset_id)), since, why))
    return found


def _row(line: Line) -> tuple[object, ...]:
    asset, run = line.account.asset, line.run
    figures: tuple[object, ...] = ("–", "–", "–", "–", "–")
    if run is not None:
        units = (run.node_base_units, run.custody_base_units, run.on_its_way_base_units, run.difference)
        figures = (*(amount(each, asset) for each in units), moment(run.asked_at))
    return (page_of(line.account, f"{asset.code}, {_title(asset.chain)}"), line.state, *figures)


def _days(row: clearing.Uncleared) -> SafeString:
    days = f"{row.days} days"
    return label(f"Longer than {days}", "danger") if row.overdue else label(days, "default")


def _title(chain_code: str) -> str:
    return CHAINS[chain_code].title if chain_code in CHAINS else chain_code
