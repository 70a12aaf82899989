"""Prices from a file: all of them or none, every wrong line named, nothing recorded twice."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from ledger import rates
from ledger.errors import RateSuspect
from ledger.models import Book, Rate

pytestmark = pytest.mark.django_db

HEAD = "asset,currency,price,observed_at,source\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "prices.csv"


@pytest.fixture
def book() -> Book:
    return Book.objects.create(name="Alice")


def test_a_file_is_recorded_for_every_book(file: Path, book: Book, capsys: pytest.CaptureFixture[str]) -> None:
    now = timezone.now()
    file.write_text(f"{HEAD}BTC,EUR,81250.50,{now.isoformat()},our bank\nETH,EUR,2610,{now.isoformat()},\n")
    call_command("import_rates", file, "--dry-run")
    assert not Rate.objects.exists()
    call_command("import_rates", file)
    assert "2 rates recorded, 0 were known, 0 are suspect" in capsys.readouterr().out
    rate = rates.current(book.pk, "BTC", "EUR")
    assert (rate.price, rate.source, rate.origin, rate.book) == (Decimal("81250.50"), "our bank", "recorded", None)
    assert rate.by
    assert rates.current(book.pk, "ETH", "EUR").source == "prices.csv"


def test_a_file_for_one_book_is_nobody_elses(file: Path, book: Book) -> None:
    file.write_text(f"{HEAD}LOYAL,EUR,0.01,{timezone.now().isoformat()},\n")
    call_command("import_rates", file, "--book", book.pk)
    assert Rate.objects.get().book == book
    with pytest.raises(CommandError, match="no book 999"):
        call_command("import_rates", file, "--book", 999)


def test_the_same_file_again_adds_what_is_new(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = "BTC,EUR,{},2026-03-0{}T12:00:00Z,\n"
    file.write_text(HEAD + line.format(50000, 1) + line.format(50000, 1) + line.format(51000, 2))
    call_command("import_rates", file)
    assert "2 rates recorded, 1 were known" in capsys.readouterr().out
    file.write_text(file.read_text() + line.format("52000.00", 3))
    call_command("import_rates", file)
    assert "1 rates recorded, 3 were known" in capsys.readouterr().out
    assert [rate.price for rate in Rate.objects.order_by("observed_at")] == [50000, 51000, 52000]


def test_every_wrong_line_is_named_and_nothing_recorded(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    future = (timezone.now() + timedelta(hours=1)).isoformat()
    wrong = [
        ("BTC,EUR,0,2026-03-01T12:00:00Z,", "0 is not a price"),
        ("BTC,EUR,-5,2026-03-01T12:00:00Z,", "-5 is not a price"),
        ("BTC,EUR,NaN,2026-03-01T12:00:00Z,", "NaN is not a price"),
        ("BTC,EUR,1e-19,2026-03-01T12:00:00Z,", "at most 18 decimals"),
        ('BTC,EUR,"50,000",2026-03-01T12:00:00Z,', "is not a number"),
        ("BTC,EUR,50000,2026-03-01T12:00:00,", "no time zone"),
        ("BTC,EUR,50000,yesterday,", "is not a moment"),
        (f"BTC,EUR,50000,{future},", "lies in the future"),
        ("BTC,euro,50000,2026-03-01T12:00:00Z,", "is not a currency"),
        (",EUR,50000,2026-03-01T12:00:00Z,", "is not the code of an asset"),
        ("BTC,EUR,50000,2026-03-01T12:00:00Z", "there are 5 columns"),
        ("BTC,EUR,50000,2026-03-01T12:00:00Z," + "x" * 201, "too long"),
    ]
    good = "BTC,EUR,50000,2026-03-01T12:00:00Z,\n"
    file.write_text(HEAD + good + "".join(f"{line}\n" for line, _ in wrong) + good)
    with pytest.raises(CommandError, match=f"{len(wrong)} of the lines"):
        call_command("import_rates", file)
    told = capsys.readouterr().err.splitlines()
    for number, ((_, why), line) in enumerate(zip(wrong, told, strict=True), 3):
        assert line.startswith(f"line {number}: ")
        assert why in line
    assert not Rate.objects.exists()


@pytest.mark.parametrize(
    "contents",
    [b"", b"price,asset\n", b"asset,asset,currency,price,observed_at\n", b"a;b\n", HEAD.encode() + b"\xff\n"],
)
def test_what_is_no_such_file_records_nothing(file: Path, contents: bytes) -> None:
    file.write_bytes(contents)
    with pytest.raises(CommandError):
        call_command("import_rates", file)
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_rates", file.with_name("nowhere.csv"))
    assert not Rate.objects.exists()


def test_threat_25_a_slip_in_a_file_prices_nothing(file: Path, book: Book) -> None:
    now = datetime.now(UTC)
    rates.record("BTC", "EUR", Decimal(50000), "test", now - timedelta(minutes=5))
    file.write_text(f"{HEAD}BTC,EUR,500000,{now.isoformat()},\n")
    call_command("import_rates", file)
    with pytest.raises(RateSuspect, match="moved from 50000 to 500000"):
        rates.current(book.pk, "BTC", "EUR")
