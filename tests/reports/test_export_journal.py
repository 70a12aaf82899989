"""The command writes what the tools take, as of one moment, and leaves no half a book behind."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger import chart, journal, lots
from ledger.journal import Entry, Leg
from ledger.models import Book
from reports.plaintext import formats
from reports.plaintext.formats import FORMATS
from reports.plaintext.journal import Export, read

DAY = datetime(2026, 3, 1, 23, 59, 59, 999999, tzinfo=UTC)


def _receive(book: Book, order: str, at: datetime = DAY, customer: str = "Jörg") -> int:
    coin = chart.asset("BTC", "bitcoin", 8)
    legs = [
        Leg(chart.custody(book.pk, coin), debit=150_000),
        Leg(chart.customer(book.pk, customer, coin), credit=150_000),
    ]
    return journal.post(
        Entry(
            book_id=book.pk,
            idem=order,
            legs=legs,
            effective_at=at,
            description="Received",
            source="test",
            meta={"order": order},
        )
    )


def _export(book: Book, format: str = "hledger", **options: object) -> str:  # noqa: A002
    out = StringIO()
    call_command("export_journal", "--book", str(book.pk), "--format", format, stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def book(db: None) -> Book:
    made, other = Book.objects.create(name="Shop"), Book.objects.create(name="Another's shop")
    _receive(made, "first")
    _receive(made, "second", DAY.replace(day=2))
    _receive(other, "not ours", customer="stranger")
    return made


@pytest.mark.parametrize("format", FORMATS)
def test_one_book_is_written(book: Book, format: str) -> None:  # noqa: A002
    text = _export(book, format)
    assert text.count("0.00150000") == 4
    assert "Jörg" in text
    assert "second" in text
    assert "not ours" not in text
    assert "stranger" not in text
    assert text.endswith("\n; the end\n")


def test_until_is_the_last_day_written(book: Book) -> None:
    text = _export(book, until=DAY.date())
    assert "first" in text
    assert "second" not in text


def test_a_file_is_utf_8_whatever_the_locale(book: Book, tmp_path: Path) -> None:
    path = tmp_path / "books.journal"
    assert _export(book, output=path) == ""
    assert path.read_bytes().decode("utf-8") == _export(book)
    assert [found.name for found in tmp_path.iterdir()] == ["books.journal"]


def test_what_breaks_on_the_way_leaves_no_file(book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(export: Export) -> object:
        yield "; a line"
        raise RuntimeError("the connection is gone")

    monkeypatch.setitem(formats.FORMATS, "hledger", broken)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="connection"):
        _export(book, output=tmp_path / "books.journal")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(book: Book, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="nowhere"):
        _export(book, output=tmp_path / "nowhere" / "books.journal")


@pytest.mark.django_db
def test_an_unknown_book_is_refused() -> None:
    with pytest.raises(CommandError, match="no book 4711"):
        call_command("export_journal", "--book", "4711", "--format", "ledger")


@pytest.mark.parametrize("arguments", [["--format", "qif"], ["--format", "ledger", "--until", "yesterday"]])
def test_what_it_does_not_know_is_refused(book: Book, arguments: list[str]) -> None:
    with pytest.raises(CommandError, match="invalid"):
        call_command("export_journal", "--book", str(book.pk), *arguments)


@pytest.mark.parametrize("format", FORMATS)
def test_the_number_of_queries_does_not_grow_with_the_book(book: Book, format: str) -> None:  # noqa: A002
    def export(book: Book) -> None:
        with read(book) as exported:
            assert len(list(FORMATS[format](exported))) > 10

    lots.derive(book)
    with CaptureQueriesContext(connection) as few:
        export(book)
    for number in range(30):
        _receive(book, f"more {number}", customer=f"customer {number}")
    lots.derive(book)
    with CaptureQueriesContext(connection) as many:
        export(book)
    assert len(many) == len(few)


def _receive_and_leave(book: Book) -> None:
    try:
        _receive(book, "meanwhile", customer="newcomer")
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_all_of_it_is_of_one_moment() -> None:
    """A customer and an entry that come while the file is written are not in it: else the tools would refuse it."""
    book = Book.objects.create(name="Shop")
    _receive(book, "before")
    with read(book) as export, ThreadPoolExecutor(1) as other:
        lines = FORMATS["ledger"](export)
        text = [next(lines)]
        other.submit(_receive_and_leave, book).result()
        text += lines
    assert book.entries.count() == 2
    assert "before" in "\n".join(text)
    assert "meanwhile" not in "\n".join(text)
    assert "newcomer" not in "\n".join(text)
