"""The sidebar, by work. A person sees the entries they may open, and a section only if one is left."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from cryptopay.backoffice import changes
from cryptopay.backoffice.closing import READS_PERIODS
from cryptopay.backoffice.reconciliation import READS_RECONCILIATIONS
from cryptopay.backoffice.reporting import READS_THE_BOOKS
from ledger.admin.asking import MAY_ASK


@dataclass(frozen=True, slots=True)
class Desk:
    """One entry: a page of the admin for a model ("app.model"), or one of our own by its address's name; with both,
    our own page for whoever may see the model's. Pages of `people` stand outside of the admin. The pages of what it
    `leads_to` have no entry of their own."""

    title: str
    icon: str
    model: str = ""
    url_name: str = ""
    leads_to: str = ""


SECTIONS: dict[str, tuple[Desk, ...]] = {
    "": (Desk("Today", "today", url_name="index"),),
    "Accounting": (
        Desk("Journal", "menu_book", "ledger.journalentry"),
        Desk("Accounts", "account_balance", "ledger.account", "ledger_account_tree"),
        Desk("Reports", "bar_chart", url_name="reports"),
        Desk("Approvals", "how_to_reg", "ledger.proposal"),
        Desk("Periods", "event_available", "ledger.periodchange"),
        Desk("Close the month", "task_alt", url_name="closing"),
        Desk("Import", "upload_file", url_name="import"),
        Desk("Reconciliation", "balance", url_name="reconciliation", leads_to="monthend.case"),
        Desk("Rates", "currency_exchange", "ledger.rate", "rates_now"),
        Desk("Exports", "download", url_name="exports"),
        Desk("Books", "auto_stories", "ledger.book"),
    ),
    "Operations": (
        Desk("Invoices", "receipt_long", "payments.invoice"),
        Desk("Payments", "payments", "payments.payment"),
        Desk("Unassigned", "help", "payments.unassignedreceipt"),
        Desk("Customers", "person", "merchants.customer"),
        Desk("Deposits", "move_to_inbox", "monitor.deposit"),
        Desk("Chains", "link", "monitor.cursor"),
        Desk("Deliveries", "outbox", "webhooks.delivery"),
    ),
    "Custody": (
        Desk("Addresses", "qr_code_2", "keys.address"),
        Desk("Customers' addresses", "contact_page", "payments.customeraddress"),
        Desk("Public keys", "key", "keys.masterkey"),
        Desk("Keys shown", "ios_share", "keys.keyexport"),
        Desk("Alarms", "warning", "keys.addressalarm"),
    ),
    "People": (
        Desk("Team", "group_add", "merchants.membership", "people_team"),
        Desk("Members", "group", "merchants.membership"),
        Desk("Merchants", "storefront", "merchants.merchant"),
        Desk("Users", "manage_accounts", "merchants.user"),
        Desk("Changes", "history", url_name="changes"),
    ),
    "Set up": (
        Desk("Get started", "rocket_launch", "merchants.apikey", "people_start"),
        Desk("API keys", "vpn_key", "merchants.apikey"),
        Desk("Endpoints", "webhook", "webhooks.endpoint"),
        Desk("Terms", "percent", "payments.terms"),
        Desk("Tokens", "token", "monitor.token"),
        Desk("Confirmations", "layers", "monitor.confirmationtier"),
    ),
    "Chains in detail": (
        Desk("Fee queues", "stacked_bar_chart", "monitor.cursor", "fee_queues"),
        Desk("Watches", "visibility", "monitor.watch"),
        Desk("Chain events", "notifications", "payments.chainnotice"),
        Desk("Set aside", "report", "monitor.parkedtransaction"),
        Desk("Read again", "history", "monitor.backfill"),
    ),
}
OPEN = ("", "Accounting", "Operations")
"""Sections of every day. The others are one line each, until they are opened or a page of theirs is."""


_OPENS: Mapping[str, Callable[[HttpRequest], bool]] = {
    "reports": lambda request: request.user.has_perm(READS_THE_BOOKS),
    "import": lambda request: request.user.has_perm(MAY_ASK),
    "closing": lambda request: request.user.has_perm(READS_PERIODS),
    "reconciliation": lambda request: request.user.has_perm(READS_RECONCILIATIONS),
    "exports": lambda request: request.user.has_perm(READS_THE_BOOKS),
    "changes": lambda request: bool(changes.kinds(request)),
}
"""Pages of our own that not everybody opens."""


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """What the theme draws."""
    sections = []
    for title, desks in SECTIONS.items():
        items = [_item(request, desk) for desk in desks if _may_open(request, desk)]
        if items:
            sections.append({"title": title, "items": items, "separator": False, "collapsible": title not in OPEN})
    return sections


def _item(request: HttpRequest, desk: Desk) -> dict[str, Any]:
    listed = _list_of(desk.model) if desk.model else ""
    item: dict[str, Any] = {"title": desk.title, "icon": desk.icon}
    ours = desk.url_name if desk.url_name.startswith("people_") else f"admin:{desk.url_name}"
    item["link"] = reverse(ours if desk.url_name else listed)
    if listed:
        below = reverse(listed)
        item["active"] = request.path.startswith(below if item["link"].startswith(below) else item["link"])
    if desk.leads_to:
        item["active"] = request.path.startswith((item["link"], reverse(_list_of(desk.leads_to))))
    return item


def _list_of(model: str) -> str:
    return f"admin:{model.replace('.', '_')}_changelist"


def _may_open(request: HttpRequest, desk: Desk) -> bool:
    if not desk.model:
        opens = _OPENS.get(desk.url_name)
        return opens is None or opens(request)
    pages = {model._meta.label_lower: page for model, page in admin.site._registry.items()}
    page = pages.get(desk.model)
    return page is not None and bool(page.has_view_permission(request))
