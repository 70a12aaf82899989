"""Every list asks few questions, and none that reads a table through: PostgreSQL is told that the tables hold a million
rows, and says how it would answer.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
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

from .conftest import Shop, registered, unassigned

SignIn = Callable[[User], Client]
GROW = (
    *(JournalEntry, Posting, Invoice, PaymentMethod, Payment, Deposit, WatchedAddress, Address, Event, Delivery),
    *(ChainNotice, ChainEvent, CustomerAddress, Customer),
)
ROWS = 1_000_000
SORTED = 100_000
"""Rows that no list may sort, where an index has them in order."""
MOST_QUESTIONS = 20
OF_MANY = (f"{reverse('admin:index')}?", reverse("admin:search"))
"""Pages of many lists may ask twice as much."""


def _pretend() -> None:
    """Takes the planner for a fool: it reckons rows from how full the pages were when it last looked.

    Pages that tests before this one left behind are as full as the others.
    """
    pages = "greatest(pg_relation_size(%(table)s::regclass) / current_setting('block_size')::integer, 1)::integer"
    of = f"'schemaname', 'public', 'relname', %(table)s::text, 'relpages', {pages}, 'reltuples', %(rows)s::real"
    with as_owner(), connection.cursor() as sql:
        for model in GROW:
            sql.execute(f"SELECT pg_restore_relation_stats({of})", {"table": model._meta.db_table, "rows": ROWS})


class Planned:
    """What was asked while it listened, and what PostgreSQL would do for it among a million rows."""

    def __init__(self) -> None:
        self.questions = 0
        self.dear: list[str] = []

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip("(").startswith("SELECT") and not many:
            self.questions += 1
            # Whether it must read a table through: on pages as few as a test has, it might as well.
            context["cursor"].cursor.execute("SET LOCAL enable_seqscan = off")
            context["cursor"].cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
            found = context["cursor"].cursor.fetchone()[0]
            context["cursor"].cursor.execute("SET LOCAL enable_seqscan = on")
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


def _paths(shop: Shop) -> Iterator[str]:
    payment = Payment.objects.filter(book=shop.book).earliest("pk")
    txid, order = payment.deposit.txid, payment.invoice.order_id
    yield from (f"{OF_MANY[0]}days=14", f"{OF_MANY[0]}days=90", reverse("admin:ledger_account_tree"))
    words = (txid, order, payment.method.watched.address, "12.00 EUR", "nothing of that name")
    yield from (f"{OF_MANY[1]}?s={word}" for word in words)
    for model in registered():
        path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        guide = guide_of(model)
        yield from (
            path,
            f"{path}?p={MOST // admin.site._registry[model].list_per_page}",
            f"{path}?q={txid}",
            f"{path}?q={order}",
        )
        yield from (path + question.link for question in (guide.questions if guide else ()))


@pytest.mark.parametrize("who", ["owner", "root"])
def test_no_list_reads_a_table_through(shops: dict[str, Shop], root: User, signed_in: SignIn, who: str) -> None:
    bob = shops["Bob"]
    unassigned(bob, "Bob")
    client, paths = signed_in(root if who == "root" else bob.members[who]), list(_paths(bob))
    client.get(paths[0])
    _pretend()
    dear, many = [], []
    for path in paths:
        with planned() as asked:
            client.get(path)
        dear += [f"{path}: {each}" for each in asked.dear]
        limit = (
            2 * MOST_QUESTIONS
            if path.startswith((reverse("admin:search"), reverse("admin:index") + "?"))
            else MOST_QUESTIONS
        )
        many += [f"{path}: {asked.questions}"] if asked.questions > limit and path != paths[0] else []
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
