"""Whatever a payer, a customer, a program or a chain can write is shown as text, on every page there is."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db import DatabaseError, connection, models, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models.fields import NOT_PROVIDED
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser

from cryptopay.merchants.models import User
from ledger.models import Account, Book, JournalEntry
from ledger.readonly import url_of
from tests.database import past_triggers

from .conftest import CHAIN, Shop, registered, rows_of, unassigned
from .test_doors import NAMED, OF_NOTHING
from .test_looks import WIDTHS, Looking

SignIn = Callable[[User], Client]
EVIL = '"><img src=x onerror=alert(1)><script>alert(2)</script>'
SHORT = "<b onx=1>"
"""Where few letters fit."""
UNESCAPED = re.compile(r"<img src=x|<script>alert|<b onx", re.IGNORECASE)
OUR_OWN = {
    "public_id": "drawn by us",
    "subject": "a public id",
    "chain": "a connector's name",
    "chain_code": "a connector's name",
    "asset_code": "of letters and digits, and prices are found by it",
    "currency": "of the list of currencies",
    "form": "of the list of key formats",
    "pgh_label": "of the list of changes",
    "password": "a hash",
    "scopes": "of the list of scopes",
    "event_types": "of the list of events",
}
"""Columns of whatever model -> what: the program chooses their words, and finds its way by them."""
OURS = {
    "feeds.Feed.name": "of the list of feeds",
    "feeds.Heard.source": "of the list of feeds",
    "ledger.Account.code": "accounts are found by it",
    "ledger.Asset.code": "of letters and digits, and found by it",
    "ledger.JournalEntry.source": "of the list of sources",
    "ledger.Rate.parts": "figures and feeds",
    "monitor.Expectation.state": "of the list of states",
    "monitor.Token.code": "letters and digits, says the database",
    "monitor.Token.contract": "hexadecimal, says the database",
    "monthend.ImportColumns.kind": "of the list of files",
    "monthend.Package.sha256": "hexadecimal, says the database",
    "payments.Invoice.tax_totals": "figures",
    "webhooks.Event.type": "of the list of events",
    "webhooks.Lease.name": "of the list of duties",
    "merchants.Merchant.shop_origins": "addresses of sites, says the database",
}
"""Columns of one model, likewise."""
JSON = {
    "ledger.JournalEntry": ("order", "invoice", "customer", "txid", "by", "reason", "approved_by"),
    "ledger.PeriodReview": ("explanation",),
    "ledger.Proposal": ("description",),
}
"""Keys of a row's JSON that pages show; elsewhere the whole of it is somebody's."""
GIVEN: dict[str, object] = {
    "feeds.Heard.refused": "it was too old",
    "monthend.Package.sha256": "0" * 64,
    "payments.Intervention.status": "cancelled",
    "chain_code": CHAIN.code,
}
"""Column -> what stands in a new row, where not anything of its kind may."""
KINDS: dict[type[models.Field[Any, Any]], object] = {
    models.DateTimeField: datetime(2026, 11, 20, tzinfo=UTC),
    models.DateField: date(2026, 11, 20),
    models.BinaryField: b"1",
    models.BooleanField: False,
    models.CharField: "EUR",
    models.TextField: "text",
    models.JSONField: {},
}
"""Kind of a column -> what a new row has there; elsewhere 1."""
Text = models.CharField[Any, Any] | models.TextField[Any, Any] | models.JSONField[Any, Any]


def _texts(model: type[models.Model]) -> Iterator[Text]:
    """What people, programs and chains fill in."""
    for field in model._meta.concrete_fields:
        ours = field.choices or field.name in OUR_OWN or _label(field) in OURS
        if isinstance(field, models.CharField | models.TextField | models.JSONField) and not ours:
            yield field


def _label(field: models.Field[Any, Any]) -> str:
    return f"{field.model._meta.label}.{field.name}"


def _ours() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if model._meta.managed and not _is_foreign(model)]


def _filled(shop: Shop) -> None:
    """A row of every kind with texts of which the stage has none, past all that would have refused it."""
    with past_triggers():
        for model in _ours():
            if any(_texts(model)) and not model._default_manager.exists():
                fields = [field for field in model._meta.concrete_fields if _is_needed(field)]
                model._default_manager.create(**{field.attname: _value(field, shop) for field in fields})


def _is_needed(field: models.Field[Any, Any]) -> bool:
    left = field.null or field.primary_key or field.has_default() or field.db_default is not NOT_PROVIDED
    return _label(field) in GIVEN or not left


def _value(field: models.Field[Any, Any], shop: Shop) -> object:
    for name in (_label(field), field.name):
        if name in GIVEN:
            return GIVEN[name]
    if isinstance(field, models.ForeignKey):
        if field.related_model is Book:
            return shop.book.pk
        rows = [*rows_of(field.related_model, shop), *field.related_model._default_manager.all()[:1]]
        return rows[0].pk if rows else 1
    if field.choices:
        return next(iter(field.choices))[0]
    of_its_kind = (value for kind, value in KINDS.items() if isinstance(field, kind))
    return next(of_its_kind, 1)


def _poison() -> set[str]:
    """Every such text of every row there is, past all that would have refused it; which columns took it."""
    with past_triggers(), connection.cursor() as sql:
        return {
            _label(field)
            for model in _ours()
            for field in _texts(model)
            if any(_took(sql, *statement) for statement in _poisoning(field))
        }


def _poisoning(field: Text) -> Iterator[tuple[str, str]]:
    """What sets it in all rows, or if those may not, in those that have a text; and the value."""
    model, column = field.model, field.column
    table, key = model._meta.db_table, model._meta.pk.column  # type: ignore[union-attr]
    into, value = f"""%s || "{key}"::text""", f"{EVIL}{column}"
    if isinstance(field, models.JSONField):
        keys = ("who",) if column == "pgh_context" else JSON.get(model._meta.label, (EVIL,))
        into, value = f"""coalesce("{column}", '{{}}') || %s::jsonb""", json.dumps(dict.fromkeys(keys, EVIL))
    elif (field.max_length or 1000) < len(value) + 6:
        value = SHORT
    yield f'UPDATE {table} SET "{column}" = {into}', value  # noqa: S608
    yield f"""UPDATE {table} SET "{column}" = {into} WHERE "{column}" > ''""", value  # noqa: S608


def _took(sql: CursorWrapper, statement: str, value: str) -> bool:
    try:
        with transaction.atomic():
            sql.execute(statement, [value])
    except DatabaseError:  # of a form that the database proves
        return False
    return sql.rowcount > 0


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
    _filled(bob)
    poisoned = _poison()
    every = {_label(field) for model in _ours() for field in _texts(model)}
    assert not every - poisoned, f"Nothing hostile was tried in {sorted(every - poisoned)}"
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
