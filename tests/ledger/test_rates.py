"""What may price something, and what may not."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from ledger import rates
from ledger.errors import RateInvalid, RateMissing, RateStale, RateSuspect
from ledger.models import Book, Rate
from ledger.pairs import Pair

pytestmark = pytest.mark.django_db


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def book() -> Book:
    return Book.objects.create(name="Alice")


@pytest.fixture
def told(now: datetime) -> Callable[..., Rate]:
    def tell(price: str, minutes_ago: float = 0, book: Book | None = None, currency: str = "EUR") -> Rate:
        at = now - timedelta(minutes=minutes_ago)
        return rates.record("BTC", currency, Decimal(price), "test", at, book.pk if book else None)

    return tell


def test_without_any_rate_nothing_is_priced(book: Book, told: Callable[..., Rate]) -> None:
    told("50000", currency="USD")
    with pytest.raises(RateMissing) as refusal:
        rates.current(book.pk, "BTC", "EUR")
    assert refusal.value.code == "rate_missing"


def test_the_newest_rate_prices(book: Book, told: Callable[..., Rate]) -> None:
    told("49000", 2)
    newest = told("50000", 1)
    told("48000", 3)
    assert rates.current(book.pk, "BTC", "EUR") == newest


def test_a_stale_rate_prices_nothing(
    book: Book, told: Callable[..., Rate], now: datetime, settings: LazySettings
) -> None:
    settings.RATE_MAX_AGE_SECONDS = 900
    rate = told("50000")
    assert rates.current(book.pk, "BTC", "EUR", now + timedelta(seconds=900)) == rate
    with pytest.raises(RateStale) as refusal:
        rates.current(book.pk, "BTC", "EUR", now + timedelta(seconds=900, microseconds=1))
    assert refusal.value.code == "rate_stale"


@pytest.mark.parametrize("factor", [Decimal(10), Decimal(5), Decimal("0.2"), Decimal("0.1")])
def test_a_jump_waits_for_a_second_rate_that_agrees(book: Book, told: Callable[..., Rate], factor: Decimal) -> None:
    told("50000", 2)
    jumped = str(Decimal(50000) * factor)
    told(jumped, 1)
    with pytest.raises(RateSuspect) as refusal:
        rates.current(book.pk, "BTC", "EUR")
    assert refusal.value.code == "rate_suspect"
    second = told(jumped, 0)
    assert rates.current(book.pk, "BTC", "EUR") == second


def test_a_slip_between_two_right_rates_is_passed_over_in_time(book: Book, told: Callable[..., Rate]) -> None:
    told("50000", 3)
    told("500000", 2)
    told("50000", 1)
    with pytest.raises(RateSuspect):
        rates.current(book.pk, "BTC", "EUR")
    told("50100", 0)
    assert rates.current(book.pk, "BTC", "EUR").price == 50100


def test_a_fast_but_possible_move_is_no_jump(book: Book, told: Callable[..., Rate]) -> None:
    told("50000", 1)
    assert rates.current(book.pk, "BTC", "EUR").price == 50000
    told("249999", 0)
    assert rates.current(book.pk, "BTC", "EUR").price == 249999


def test_what_was_days_ago_is_not_compared(book: Book, told: Callable[..., Rate]) -> None:
    told("5", 60 * 24 + 1)
    newest = told("50000", 0)
    assert rates.current(book.pk, "BTC", "EUR") == newest


@pytest.mark.parametrize(
    "price",
    [
        "0",
        "-0",
        "-1",
        "NaN",
        "sNaN",
        "-NaN",
        "Infinity",
        "-Infinity",
        "1e20",
        "1e400",
        "1e-19",
        "0.1234567890123456789",
    ],
)
def test_no_price_is_no_rate(told: Callable[..., Rate], price: str) -> None:
    with pytest.raises(RateInvalid) as refusal:
        told(price)
    assert refusal.value.code == "rate_invalid"
    assert not Rate.objects.exists()


@pytest.mark.parametrize(
    "price",
    [
        "0.000000000000000001",
        "99999999999999999999",
        "99999999999999999999.999999999999999999",
        "12345678901.5",
        "1.50",
    ],
)
def test_every_price_that_can_be_stored_is_kept_exactly(told: Callable[..., Rate], price: str) -> None:
    assert Rate.objects.get(pk=told(price).pk).price == Decimal(price)


def test_a_rate_from_the_future_is_refused_beyond_the_clocks_skew(
    book: Book, told: Callable[..., Rate], now: datetime
) -> None:
    with pytest.raises(RateInvalid):
        told("50000", -6)
    Rate.objects.create(asset_code="BTC", currency="EUR", price=1, source="sql", observed_at=now + timedelta(minutes=6))
    with pytest.raises(RateMissing):
        rates.current(book.pk, "BTC", "EUR", now)


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity", "1e20"])
def test_the_database_keeps_no_impossible_price(price: str) -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as sql:
        sql.execute(
            "INSERT INTO ledger_rate (asset_code, currency, price, source, observed_at)"
            " VALUES ('BTC', 'EUR', %s::numeric, 'sql', now())",
            [price],
        )


def test_a_book_hears_its_own_rates_and_the_platforms_never_anothers(book: Book, told: Callable[..., Rate]) -> None:
    charlie = Book.objects.create(name="Charlie")
    told("1", 0, charlie)
    with pytest.raises(RateMissing):
        rates.current(book.pk, "BTC", "EUR")
    platforms = told("50000", 2)
    assert rates.current(book.pk, "BTC", "EUR") == platforms
    own = told("51000", 1, book)
    assert rates.current(book.pk, "BTC", "EUR") == own
    told("50500", 0)
    assert rates.current(book.pk, "BTC", "EUR") == own


def test_anothers_wild_rate_makes_nobody_elses_suspect(book: Book, told: Callable[..., Rate]) -> None:
    told("50000", 2)
    told("1", 1, Book.objects.create(name="Charlie"))
    assert rates.current(book.pk, "BTC", "EUR").price == 50000


@pytest.fixture
def by_hand(now: datetime) -> Callable[..., Rate]:
    def tell(price: str, minutes_ago: float = 0, holds_minutes: float = 60, book: Book | None = None) -> Rate:
        at = now - timedelta(minutes=minutes_ago)
        until = at + timedelta(minutes=holds_minutes)
        return rates.record(
            "BTC", "EUR", Decimal(price), "the desk", at, book.pk if book else None, valid_until=until, by="Bob"
        )

    return tell


def test_what_is_set_by_hand_goes_before_as_long_as_it_holds(
    book: Book, told: Callable[..., Rate], by_hand: Callable[..., Rate], now: datetime
) -> None:
    desk = by_hand("50000", 50)
    fed = told("51000", 0)
    assert rates.current(book.pk, "BTC", "EUR") == desk
    after = now + timedelta(minutes=10, microseconds=1)
    assert rates.current(book.pk, "BTC", "EUR", after) == fed
    own = told("50500", 1, book)
    assert rates.current(book.pk, "BTC", "EUR") == own
    own_desk = by_hand("50600", 5, book=book)
    assert rates.current(book.pk, "BTC", "EUR") == own_desk
    assert rates.current(Book.objects.create(name="Charlie").pk, "BTC", "EUR") == desk


def test_a_word_that_is_over_does_not_let_an_older_one_come_back(
    book: Book, told: Callable[..., Rate], by_hand: Callable[..., Rate]
) -> None:
    by_hand("50000", 50, holds_minutes=600)
    by_hand("50000", 1, holds_minutes=0)
    fed = told("51000", 2)
    assert rates.current(book.pk, "BTC", "EUR") == fed


def test_without_its_own_the_platforms_prices_again(
    book: Book, told: Callable[..., Rate], now: datetime, settings: LazySettings
) -> None:
    told("50500", settings.RATE_MAX_AGE_SECONDS / 60 + 1, book)
    platforms = told("51000", 1)
    assert rates.current(book.pk, "BTC", "EUR") == platforms


def test_only_a_person_who_saw_the_difference_sets_a_price_far_off(
    book: Book, told: Callable[..., Rate], by_hand: Callable[..., Rate], now: datetime
) -> None:
    told("50000", 1)
    slip = by_hand("500000")
    assert slip.suspect
    with pytest.raises(RateSuspect):
        rates.current(book.pk, "BTC", "EUR")
    until = now + timedelta(minutes=5)
    meant = rates.record("BTC", "EUR", Decimal(500_000), "the desk", now, valid_until=until, by="Bob", confirmed=True)
    assert rates.current(book.pk, "BTC", "EUR") == meant


def test_threat_25_a_books_first_own_rate_is_measured_by_the_platforms(book: Book, told: Callable[..., Rate]) -> None:
    told("50000", 1)
    told("5000", 0, book)
    with pytest.raises(RateSuspect):
        rates.current(book.pk, "BTC", "EUR")


@pytest.mark.parametrize("holds", [timedelta(seconds=-1), timedelta(days=367)])
def test_a_word_holds_for_a_year_at_most(now: datetime, holds: timedelta) -> None:
    with pytest.raises(RateInvalid):
        rates.record("BTC", "EUR", Decimal(1), "the desk", now, valid_until=now + holds, by="Bob")


def test_the_database_wants_a_name_an_end_and_a_medians_parts(now: datetime, book: Book) -> None:
    rate = {"asset_code": "BTC", "currency": "EUR", "price": 1, "source": "sql", "observed_at": now}
    for wrong in (
        {"origin": "manual", "valid_until": now},
        {"origin": "manual", "by": "Bob"},
        {"valid_until": now - timedelta(seconds=1)},
        {"origin": "median"},
        {"origin": "median", "parts": [], "book": book},
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            Rate.objects.create(**{**rate, **wrong})  # type: ignore[misc]


def test_threat_25_a_suspect_rate_values_no_entry(book: Book, told: Callable[..., Rate]) -> None:
    good, suspect = told("50000", 1), told("500000")
    with connection.cursor() as sql:
        sql.execute(
            "SELECT ledger_is_rate_of(%s, %s), ledger_is_rate_of(%s, %s)", [good.pk, book.pk, suspect.pk, book.pk]
        )
        assert sql.fetchone() == (True, False)


def test_the_history_of_a_pair_is_read_page_by_page(book: Book, told: Callable[..., Rate]) -> None:
    told("1", 0, Book.objects.create(name="Charlie"))
    told("2", 0, currency="USD")
    mine = [told("50000", 3), told("50100", 2, book), told("50200", 2), told("50300", 1)][::-1]
    pair = Pair("BTC", "EUR")
    first = rates.history(book.pk, pair, None, 2)
    second = rates.history(book.pk, pair, (first[-1].observed_at, first[-1].pk), 9)
    assert first + second == sorted(mine, key=lambda rate: (rate.observed_at, rate.pk), reverse=True)


def test_a_rate_is_found_by_one_statement_however_many_there_are(
    book: Book, told: Callable[..., Rate], django_assert_num_queries: Callable[..., Any]
) -> None:
    with connection.cursor() as sql:
        sql.execute(
            "INSERT INTO ledger_rate (asset_code, currency, price, source, observed_at)"
            " SELECT 'BTC', 'EUR', 50000, 'sql', now() - interval '1 minute' * n FROM generate_series(1, 20000) n"
        )
    newest = told("50000")
    with django_assert_num_queries(1) as asked:
        assert rates.current(book.pk, "BTC", "EUR") == newest
    with connection.cursor() as sql:
        sql.execute("ANALYZE ledger_rate")
        sql.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT TEXT) " + asked.captured_queries[0]["sql"])
        plan = "\n".join(row[0] for row in sql.fetchall())
    assert "Seq Scan" not in plan, plan
    assert "rate_platforms" in plan
