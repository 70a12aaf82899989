"""`python -m tests.bench.admin_pages fill 1000000` stores so many rows of each kind, `ask 1000000` opens every page."""

import json
import logging
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
from typing import Any

import django

django.setup()

import psutil  # noqa: E402
from django.contrib import admin  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import reverse  # noqa: E402
from django.utils import timezone  # noqa: E402
from unfold.paginator import InfinitePaginator  # noqa: E402

from cryptopay.backoffice.guides import guide_of  # noqa: E402
from cryptopay.backoffice.listing import MOST  # noqa: E402
from cryptopay.merchants.models import Membership, User  # noqa: E402
from cryptopay.merchants.onboarding import create_merchant  # noqa: E402
from cryptopay.webhooks.models import Endpoint  # noqa: E402
from keys.importing import import_credential  # noqa: E402
from keys.models import MasterKey  # noqa: E402
from ledger import chart, rates, tenancy  # noqa: E402
from ledger.models import Asset, Book  # noqa: E402
from monitor.chains import CHAINS  # noqa: E402
from tests import people  # noqa: E402

CHAIN = CHAINS["bitcoin-regtest"]
TIMES = 2
WHO = ("large", "small", "root")
OURS = ("reports", "closing", "reconciliation", "exports", "changes", "rates_now", "ledger_account_tree")
"""Pages that no model has."""


@dataclass(frozen=True, slots=True)
class Page:
    """What one page costs, the least of `TIMES`: CPU time of Python and PostgreSQL together, and time on the wall."""

    kind: str
    who: str
    path: str
    cpu_ms: float
    wall_ms: float
    queries: int


def fill(count: int) -> None:
    call_command("migrate", verbosity=0)
    books = _books()
    asset = chart.asset("BTC", CHAIN.code, 8)
    import_credential(books[0], CHAIN, people.account(CHAIN).PublicKey().ToExtended(), label="key")
    known = {
        "count": count,
        "large": books[0].pk,
        "small": books[1].pk,
        "others": f"ARRAY{[book.pk for book in books[2:]]}",
        "asset": asset.pk,
        "key": MasterKey.objects.get().pk,
        "rate": rates.record("BTC", "EUR", Decimal(60_000), "bench", timezone.now()).pk,
    }
    statements = Path(__file__).with_name("admin_rows.sql").read_text().format(**known).split(";\n")
    with connection.cursor() as sql:
        _note_accounts(sql, books, asset)
        with transaction.atomic():
            sql.execute("SET LOCAL session_replication_role = replica")
            for statement in filter(str.strip, statements):
                sql.execute(statement)
        sql.execute("VACUUM ANALYZE")


def _books() -> list[Book]:
    """The large merchant's, the small one's and the others'; with the people who will ask."""
    merchants = [create_merchant(name) for name in (*WHO[:2], *(f"other {number}" for number in range(18)))]
    for merchant in merchants[:2]:
        person = User.objects.create_user(merchant.name, is_staff=True)
        Membership.objects.create(merchant=merchant, user=person, role=Membership.Role.OWNER)
    User.objects.create_superuser("root")
    for merchant in merchants:
        Endpoint.objects.create(book=merchant.test_book, url="https://shop.example/hook")
    return [merchant.test_book for merchant in merchants]


def _note_accounts(sql: Any, books: list[Book], asset: Asset) -> None:
    sql.execute("CREATE TEMPORARY TABLE account_of (book bigint, leg int, account bigint)")
    for book in books:
        legs = chart.custody(book.pk, asset), chart.customer(book.pk, "", asset)
        for leg, account in enumerate(legs, start=1):
            sql.execute("INSERT INTO account_of VALUES (%s, %s, %s)", [book.pk, leg, account.pk])


def ask(count: int) -> list[Page]:
    logging.disable()  # a line a request
    pages = []
    for who in WHO:
        client = Client()
        with tenancy.every_book():
            client.force_login(User.objects.get(username=who))
        for kind, path in _paths(client, _words(count)):
            if page := _measured(client, kind, who, path):
                pages.append(page)
    return pages


def _words(count: int) -> list[str]:
    """Of the newest row that is the small merchant's, so that all find it; and what nothing is named by."""
    number = next(number for number in range(count, 0, -1) if 90 <= number % 100 < 92)
    return [f"{number:064x}", f"order {number}", "12.34 EUR", "nothing of that name"]


def _paths(client: Client, words: list[str]) -> Iterator[tuple[str, str]]:
    """Of each list: the first page, the last, every order, what its questions ask, searches, and a row's page."""
    today, box = reverse("admin:index"), reverse("admin:search")
    yield from (("today", today), ("today", f"{today}?days=90"))
    yield from (("search", f"{box}?s={word}") for word in words)
    yield from (("page", reverse(f"admin:{name}")) for name in OURS)
    for model, page in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        path, guide = reverse(f"{name}_changelist"), guide_of(model)
        yield "list", path
        shown = client.get(path).content.decode()
        yield from (
            ("list", f"{path}?o={column}") for column in sorted(set(re.findall(r"[?&;]o=-?([0-9])[&\"]", shown)))
        )
        if page.paginator is InfinitePaginator:
            yield "list", f"{path}?p={MOST // page.list_per_page}"
        yield from (("filter", path + question.link) for question in (guide.questions if guide else ()))
        yield from (("search", f"{path}?q={word}") for word in (words[0], words[1], words[-1]))
        if row := re.search(rf"{path}([0-9]+)/change/", shown):
            yield "page", row[0]


def _measured(client: Client, kind: str, who: str, path: str) -> Page | None:
    """None: not for this person."""
    questions = 0

    def count(execute: Any, statement: str, *call: Any) -> Any:
        nonlocal questions
        questions += statement.lstrip("( \n").startswith(("SELECT", "WITH"))
        return execute(statement, *call)

    with connection.execute_wrapper(count):
        if client.get(path).status_code != HTTPStatus.OK:
            return None
    spent = [_spent_ms(client, path) for _ in range(TIMES)]
    return Page(kind, who, path, min(cpu for cpu, _ in spent), min(wall for _, wall in spent), questions)


def _spent_ms(client: Client, path: str) -> tuple[float, float]:
    """On the processors and on the wall. PostgreSQL counts in hundredths of a second."""

    def now() -> tuple[float, float]:
        database: Any = psutil.Process(connection.connection.info.backend_pid).cpu_times()
        return time.process_time() + float(database.user) + float(database.system), time.perf_counter()

    before = now()
    client.get(path)
    cpu, wall = (1000 * (after - started) for after, started in zip(now(), before, strict=True))
    return cpu, wall


if __name__ == "__main__":
    if sys.argv[1] == "fill":
        fill(int(sys.argv[2]))
    else:
        json.dump([asdict(page) for page in ask(int(sys.argv[2]))], sys.stdout)
