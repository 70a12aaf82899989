"""Whatever a payer, a customer, a program or a chain can write is shown as text, on every page there is."""

import json
import re
from collections.abc import Callable, Iterator

from django.apps import apps
from django.contrib import admin
from django.db import DatabaseError, connection, models, transaction
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser

from cryptopay.merchants.models import User
from ledger.models import Account, JournalEntry
from ledger.readonly import url_of
from tests.database import past_triggers

from .conftest import Shop, registered, rows_of, unassigned
from .test_doors import NAMED, OF_NOTHING
from .test_looks import WIDTHS, Looking

SignIn = Callable[[User], Client]
EVIL = '"><img src=x onerror=alert(1)><script>alert(2)</script>'
SHORT = "<b onx=1>"
"""Where few letters fit."""
UNESCAPED = re.compile(r"<img src=x|<script>alert|<b onx", re.IGNORECASE)
OUR_OWN = {
    *("public_id", "source", "idem", "code", "chain", "chain_code", "currency", "form", "path", "type", "kind"),
    *("asset_code", "origin", "contract", "password", "username", "token", "subject", "name_of_feed"),
}
"""Columns whose words the program chooses itself, and by which it finds its way."""
JSON = {
    "ledger.JournalEntry": ("order", "invoice", "customer", "txid", "by", "reason", "approved_by"),
    "ledger.Proposal": ("description",),
}
"""Keys of a row's JSON that pages show; elsewhere the whole of it is somebody's."""


def _texts(model: type[models.Model]) -> Iterator[tuple[str, str, object]]:
    """Column, what is set there, and its value: what people, programs and chains fill in."""
    for field in model._meta.concrete_fields:
        if isinstance(field, models.JSONField) and field.name in ("meta", "contents", "metadata", "payload"):
            keys = JSON.get(model._meta.label, (EVIL,))
            yield field.column, '"{}" || %s::jsonb', json.dumps(dict.fromkeys(keys, EVIL))
        elif isinstance(field, models.CharField | models.TextField) and not (field.choices or field.name in OUR_OWN):
            fits = (field.max_length or 1000) >= len(EVIL) + 6
            yield field.column, "%s || id::text", EVIL if fits else SHORT


def _poison() -> set[str]:
    """Every such text of every row there is, past all that would have refused it; which columns took it."""
    poisoned = set()
    with past_triggers(), connection.cursor() as sql:
        for model in [model for model in apps.get_models() if model._meta.managed and not _is_foreign(model)]:
            for column, into, value in _texts(model):
                statement = f'UPDATE {model._meta.db_table} SET "{column}" = {into.format(column)}'  # noqa: S608
                try:
                    with transaction.atomic():
                        sql.execute(statement, [value])
                except DatabaseError:  # of a form that the database proves
                    continue
                if sql.rowcount:
                    poisoned.add(f"{model._meta.label}.{column}")
    return poisoned


def _is_foreign(model: type[models.Model]) -> bool:
    return not model.__module__.startswith(("cryptopay.", "keys.", "ledger.", "monitor."))


def _pages(shop: Shop) -> Iterator[str]:
    """Every page of the back office: those of no row, and of each model its list and one of its rows."""
    yield from (reverse(f"admin:{name}") for name in OF_NOTHING)
    yield from (reverse(f"admin:{name}", kwargs=words) for name, each in NAMED.items() for words in each)
    for model in registered():
        yield reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        rows = rows_of(model, shop) if model in admin.site._registry else []
        yield from (url_of(row) for row in rows[:2])
    custody = Account.objects.filter(book=shop.book, code__startswith="assets:custody:").earliest("pk")
    yield reverse("admin:ledger_account_explain", args=[custody.pk])
    yield f"{reverse('admin:ledger_account_tree')}?book={shop.book.pk}"
    yield f"{reverse('admin:search')}?q=12.00"


def test_threat_41_script_in_any_text_stays_text(
    shops: dict[str, Shop], root: User, signed_in: SignIn, browser: Browser
) -> None:
    bob = shops["Bob"]
    unassigned(bob, "Bob")
    poisoned = _poison()
    for column in (
        *("payments.Invoice.order_id", "payments.Invoice.description", "payments.Invoice.metadata"),
        *("monitor.Deposit.memo", "monitor.Deposit.sender", "merchants.Customer.name", "merchants.Customer.metadata"),
        *("ledger.JournalEntry.description", "ledger.JournalEntry.meta", "ledger.Proposal.reason"),
        *("webhooks.Event.payload", "webhooks.Endpoint.url", "merchants.Merchant.name", "ledger.Account.name"),
    ):
        assert column in poisoned, column
    client, shown = signed_in(root), 0
    for address in _pages(bob):
        answer = client.get(address)
        assert answer.status_code < 500, address
        page = b"".join(answer) if answer.streaming else answer.content  # type: ignore[attr-defined]
        found = UNESCAPED.search(page.decode())
        assert found is None, f"{address}: {page.decode()[max(found.start() - 200, 0) : found.end()]}"
        shown += b"&lt;script&gt;" in page
    assert shown > 20
    looking = Looking(browser.new_page(), client)
    entry = JournalEntry.objects.filter(book=bob.book, ref=None).latest("pk")
    for address in (reverse("admin:index"), reverse("admin:ledger_journalentry_changelist"), url_of(entry)):
        page_shown = looking.at(address, WIDTHS[1])
        assert page_shown.locator("img[src=x]").count() == 0
        assert not looking.complaints, looking.complaints
