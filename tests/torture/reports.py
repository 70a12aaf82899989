"""A million rows of the general ledger and of the journal, in every form that streams, by every way they are fetched.

Each in a process of its own, whose memory stays where it was; whoever receives them counts the rows.
"""

import multiprocessing
import resource
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue
from typing import IO, Any

from django.db import connection, connections
from django.test import Client
from django.urls import reverse

from cryptopay.merchants import api_keys
from cryptopay.merchants.models import ApiKey, User
from cryptopay.merchants.onboarding import create_merchant
from ledger import chart, journal
from ledger.journal import Entry, Leg
from ledger.models import Book, Posting
from reports import exporting
from reports.models import Export
from reports.registry import REPORTS
from tests.database import as_owner

ROWS = 1_000_000
MOST_GROWTH_BYTES = 150 * 1024 * 1024
_LEGS = 2
_BATCH = 1_000
_FIRST = datetime(2025, 1, 1, tzinfo=UTC)
_PERIOD = {"from": "2025-01-01", "to": "2025-12-31"}
_HEADS = {"general-ledger": 2 * _LEGS, "journal": 0}
"""Rows beside the postings: opening and closing balances of both accounts."""
_PIECE_BYTES = 1 << 16

Fetch = Callable[[Book, str, str], Iterator[bytes]]


def run(rows: int | None) -> None:
    """Raises `AssertionError` where a row is missing, or memory grew with them."""
    merchant = create_merchant("Alice")
    book = merchant.test_book
    wanted = (rows or ROWS) // _LEGS * _LEGS
    began = time.monotonic()
    _write(book, wanted // _LEGS)
    assert Posting.objects.filter(book=book).count() == wanted
    with as_owner(), connection.cursor() as sql:
        sql.execute("ANALYZE")
    print(f"written {round(time.monotonic() - began)} s", flush=True)
    reader = User.objects.create_superuser("root")
    _, secret = api_keys.create(merchant, "reports", live=False, scopes=[ApiKey.Scope.REPORTS_READ])
    ways = {"page": _by_page(reader), "api": _by_api(secret), "background": _in_the_background(reader)}
    for report, heads in _HEADS.items():
        for form in ("csv", "json", "xlsx"):
            for way, fetch in ways.items():
                _try(f"{report} {form} {way}", fetch, (book, report, form), wanted + heads)


def _write(book: Book, entries: int) -> None:
    coin = chart.asset("BTC", "bitcoin-regtest", 8)
    chart.open_template(book.pk, "shop", [coin])
    custody, sales = chart.custody(book.pk, coin), chart.sales(book.pk, coin)
    for first in range(0, entries, _BATCH):
        journal.post_batch(
            [
                Entry(
                    book_id=book.pk,
                    idem=f"of the trial {number}",
                    legs=[Leg(custody, debit=number + 1), Leg(sales, credit=number + 1)],
                    effective_at=_FIRST + timedelta(seconds=31 * number % 31_000_000),
                    description=f"Payment {number}",
                    source="trial",
                )
                for number in range(first, min(first + _BATCH, entries))
            ]
        )


def _try(name: str, fetch: Fetch, of: tuple[Book, str, str], wanted: int) -> None:
    connections.close_all()
    fork = multiprocessing.get_context("fork")
    told: SimpleQueue[tuple[int, int]] = fork.SimpleQueue()  # type: ignore[assignment]
    child = fork.Process(target=_measure, args=(told, fetch, of))
    began = time.monotonic()
    child.start()
    child.join()
    assert child.exitcode == 0, f"{name} failed"
    found, grown = told.get()
    print(f"{name} {found} rows, {grown >> 20} MB more, {round(time.monotonic() - began)} s", flush=True)
    assert found == wanted, f"{name}: {found} rows of {wanted}"
    assert grown < MOST_GROWTH_BYTES, f"{name}: {grown >> 20} MB"


def _measure(told: Any, fetch: Fetch, of: tuple[Book, str, str]) -> None:
    before = _peak()
    with tempfile.TemporaryFile() as file:
        for piece in fetch(*of):
            file.write(piece)
        grown = _peak() - before
        file.seek(0)
        told.put((_count(file, of[2]), grown))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _by_page(reader: User) -> Fetch:
    def fetch(book: Book, report: str, form: str) -> Iterator[bytes]:
        client = Client()
        client.force_login(reader)
        address = reverse("admin:report", args=[report])
        return _answered(client.get(address, {"book": book.pk, **_PERIOD, "as": form}))

    return fetch


def _by_api(secret: str) -> Fetch:
    def fetch(book: Book, report: str, form: str) -> Iterator[bytes]:
        asked = {**_PERIOD, "format": form}
        answer = Client().get(f"/api/v1/reports/{report}", asked, headers={"authorization": f"Bearer {secret}"})
        return _answered(answer)

    return fetch


def _in_the_background(reader: User) -> Fetch:
    def fetch(book: Book, report: str, form: str) -> Iterator[bytes]:
        asked = exporting.ask(REPORTS[report], book, _PERIOD, form, f"user:{reader.pk}", "root")
        assert exporting.make_next()
        return exporting.content(Export.objects.get(pk=asked.pk))

    return fetch


def _answered(answer: Any) -> Iterator[bytes]:
    assert answer.status_code == 200, answer.content[:300]
    assert answer.streaming
    pieces: Iterator[bytes] = answer.streaming_content
    return pieces


def _count(file: IO[bytes], form: str) -> int:
    """Rows, as whoever receives the file finds them; without its head."""
    if form == "json":
        return _found(file, b'"when": ')
    if form == "csv":
        return _found(file, b"\r\n") - 1
    with zipfile.ZipFile(file) as archive, archive.open("xl/worksheets/sheet1.xml") as sheet:
        return _found(sheet, b"<row ") - 1


def _found(file: IO[bytes], mark: bytes) -> int:
    """How often, also where it lies across two pieces."""
    count, rest = 0, b""
    while piece := file.read(_PIECE_BYTES):
        piece = rest + piece
        count += piece.count(mark)
        kept = max(piece.rfind(mark) + len(mark), len(piece) - len(mark) + 1)
        rest = piece[kept:]
    return count
