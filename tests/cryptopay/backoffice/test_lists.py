"""Every page of the back office asks few questions, and none that reads a table through: PostgreSQL is told that the
tables hold a million rows, and says how it would answer.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.urls import reverse

from cryptopay.backoffice.guides import guide_of
from cryptopay.backoffice.listing import MOST
from cryptopay.merchants.models import Customer, User
from cryptopay.payments.models import ChainNotice, CustomerAddress, Invoice, Payment, PaymentMethod
from cryptopay.webhooks.models import Delivery, Event
from keys.models import Address
from ledger.models import JournalEntry, Posting
from monitor.models import ChainEvent, Deposit, WatchedAddress
from tests.database import as_owner

from .conftest import Shop, registered, rows_of, unassigned
from .test_doors import NAMED, OF_A_ROW, OF_NOTHING

SignIn = Callable[[User], Client]
GROW = (
    *(JournalEntry, Posting, Invoice, PaymentMethod, Payment, Deposit, WatchedAddress, Address, Event, Delivery),
    *(ChainNotice, ChainEvent, CustomerAddress, Customer),
)
ROWS = 1_000_000
SORTED = 100_000
"""Rows that no list may sort, where an index has them in order."""
MOST_QUESTIONS = 20
"""No page asks so many."""
QUESTIONS = ("SELECT", "WITH")
FORGET = """
    SELECT pg_clear_attribute_stats('public', %(table)s, attname, false)
    FROM pg_attribute WHERE attrelid = %(table)s::regclass AND attnum > 0 AND NOT attisdropped
"""
TODAY, SEARCH = reverse("admin:index"), reverse("admin:search")


def _pretend() -> None:
    """Takes the planner for a fool: it reckons rows from how full the pages were when it last looked.

    Pages that tests before this one left behind are as full as the others; what it noted of their rows it forgets.
    """
    pages = "greatest(pg_relation_size(%(table)s::regclass) / current_setting('block_size')::integer, 1)::integer"
    of = f"'schemaname', 'public', 'relname', %(table)s::text, 'relpages', {pages}, 'reltuples', %(rows)s::real"
    with as_owner(), connection.cursor() as sql:
        for model in GROW:
            table = {"table": model._meta.db_table, "rows": ROWS}
            sql.execute(f"SELECT pg_restore_relation_stats({of})", table)
            sql.execute(FORGET, table)


class Planned:
    """What was asked while it listened, and what PostgreSQL would do for it among a million rows."""

    def __init__(self) -> None:
        self.questions = 0
        self.dear: list[str] = []

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip("( \n").startswith(QUESTIONS) and not many:
            self.questions += 1
            # Whether it must read a table through: on pages as few as a test has, it might as well.
            with connection.connection.cursor() as asked:
                asked.execute("SET LOCAL enable_seqscan = off")
                asked.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
                found = asked.fetchone()[0]
                asked.execute("SET LOCAL enable_seqscan = on")
            self._judge(sql, (json.loads(found) if isinstance(found, str) else found)[0]["Plan"])
        return execute(sql, params, many, context)

    def _judge(self, sql: str, plan: dict[str, Any]) -> None:
        big = {model._meta.db_table for model in GROW}
        through = {node["Relation Name"] for node in _nodes(plan) if node["Node Type"] == "Seq Scan"} & big
        sorts = max((rows for node in _nodes(plan) if "Sort" in node["Node Type"] for rows in _below(node)), default=0)
        if through or sorts > SORTED:
            self.dear.append(f"reads {sorted(through)} through, sorts {sorts}: {sql[:3000]}")


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from _nodes(below)


def _below(node: dict[str, Any]) -> Iterator[int]:
    yield from (below["Plan Rows"] for below in node.get("Plans", []))


@contextmanager
def planned() -> Iterator[Planned]:
    listening = Planned()
    with connection.execute_wrapper(listening):
        yield listening


def _lists(txid: str) -> Iterator[str]:
    """The first page, the last, and a search."""
    for model in registered():
        path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        yield from (path, f"{path}?p={MOST // admin.site._registry[model].list_per_page}", f"{path}?q={txid}")


def _paths(shop: Shop, payment: Payment) -> Iterator[str]:
    """Everything that a person of one merchant opens."""
    txid, order = payment.deposit.txid, payment.invoice.order_id
    words = (txid, order, payment.method.watched.address, "12.00 EUR", "nothing of that name")
    yield from (f"{SEARCH}?s={word}" for word in words)
    yield from _pages_of_ours(shop)
    for model in registered():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        path, guide = reverse(f"{name}_changelist"), guide_of(model)
        yield from (reverse(f"{name}_change", args=[row.pk]) for row in rows_of(model, shop)[1:2])
        yield from (reverse(f"{name}_add"), f"{path}?q={order}")
        yield from (path + question.link for question in (guide.questions if guide else ()))


def _pages_of_ours(shop: Shop) -> Iterator[str]:
    """Every address of the site that is not a page which every model has."""
    book = f"?book={shop.book.pk}"
    yield from (reverse(f"admin:{name}") + book for name in OF_NOTHING)
    yield from (reverse(f"admin:{name}", kwargs=words) + book for name, every in NAMED.items() for words in every)
    for name, (room, kind) in OF_A_ROW.items():
        rows = rows_of(apps.get_model(room, kind), shop)
        yield from (reverse(f"admin:{name}", args=[row.pk]) for row in rows[:1])


@pytest.mark.parametrize("who", ["owner", "root"])
def test_no_page_reads_a_table_through_or_asks_much(
    shops: dict[str, Shop], root: User, signed_in: SignIn, who: str
) -> None:
    bob = shops["Bob"]
    unassigned(bob, "Bob")
    payment = Payment.objects.filter(book=bob.book).earliest("pk")
    client = signed_in(root if who == "root" else bob.members[who])
    paths = [
        TODAY,
        f"{TODAY}?days=90",
        *_lists(payment.deposit.txid),
        *(_paths(bob, payment) if who == "owner" else ()),
    ]
    client.get(TODAY)
    _pretend()
    dear, many = [], []
    for path in paths:
        with planned() as asked:
            client.get(path)
        dear += [f"{path}: {each}" for each in asked.dear]
        many += [f"{path}: {asked.questions}"] if asked.questions >= MOST_QUESTIONS else []
    assert not dear, "\n\n".join(dear)
    assert not many, many


def test_a_list_that_reads_a_table_through_would_be_found(shops: dict[str, Shop]) -> None:
    """Else the test above would pass whatever the lists ask."""
    _pretend()
    for bad in (
        Invoice.objects.order_by("description")[:50],
        Invoice.objects.filter(description__icontains="x")[:50],
        JournalEntry.objects.filter(description="x").order_by("-effective_at")[:50],
    ):
        with planned() as asked:
            list(bad)
        assert asked.dear, bad.query
    with planned() as asked:
        list(Invoice.objects.filter(book=shops["Bob"].book).order_by("-pk")[:50])
    assert not asked.dear
