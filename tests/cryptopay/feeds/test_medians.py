"""What is agreed on becomes a rate; a jump prices nothing before it is confirmed; a book's own goes before it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.conf import LazySettings
from django.utils import timezone

from cryptopay.feeds import medians, needed
from cryptopay.feeds.models import Feed, Heard
from cryptopay.payments import quotes
from ledger import chart, rates
from ledger.errors import RateMissing, RateStale, RateSuspect
from ledger.models import Book, Rate
from ledger.pairs import Pair
from monitor.chains import CHAINS

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
Say = Callable[..., None]


@pytest.fixture(autouse=True)
def _three_sources(settings: LazySettings) -> None:
    settings.NODE_URLS = {"bitcoin-regtest": "http://127.0.0.1:1"}
    settings.RATE_CURRENCIES = ["EUR"]
    settings.RATE_SOURCES = ["bitstamp", "coinbase", "kraken"]


@pytest.fixture
def now() -> datetime:
    return timezone.now() - timedelta(hours=1)


@pytest.fixture
def book() -> Book:
    return Book.objects.create(name="Alice")


def say(at: datetime, *prices: str, sources: tuple[str, ...] = ("bitstamp", "coinbase", "kraken")) -> None:
    """The sources say so at that moment."""
    for source, price in zip(sources, prices, strict=False):
        Heard.objects.update_or_create(
            source=source, asset_code="BTC", currency="EUR", defaults={"price": price, "observed_at": at}
        )


def agree(at: datetime, *prices: str) -> Rate:
    say(at, *prices)
    (rate,) = medians.record_medians(at)
    return rate


def price_at(book: Book, at: datetime) -> Decimal:
    return rates.current(book.pk, "BTC", "EUR", at).price


def test_a_median_tells_its_sources_for_good(book: Book, now: datetime) -> None:
    say(now - 2 * MINUTE, "81250", "812500", "81260")
    (rate,) = medians.record_medians(now)
    assert rates.current(book.pk, "BTC", "EUR", now) == rate
    assert (rate.price, rate.source, rate.origin) == (81255, "median of Bitstamp, Kraken", "median")
    assert rate.valid_until == now + 13 * MINUTE
    rate.refresh_from_db()
    assert [(part["source"], part["price"], part["used"], part["why"]) for part in rate.parts] == [
        ("bitstamp", "81250", True, ""),
        ("kraken", "81260", True, ""),
        ("coinbase", "812500", False, "899.9% away from the median"),
    ]


def test_an_invoice_is_quoted_by_the_median(book: Book) -> None:
    rate = agree(timezone.now(), "50000", "50000", "50000")
    quoted = quotes.quote(
        book.pk, Decimal(10), "EUR", chart.asset("BTC", "bitcoin-regtest", 8), CHAINS["bitcoin-regtest"]
    )
    assert (quoted.rate, quoted.due_base_units) == (rate, 20_000)


def test_nothing_new_is_nothing_recorded(now: datetime) -> None:
    agree(now, "50000", "50000", "50000")
    assert medians.record_medians(now + MINUTE) == []
    say(now + MINUTE, "50000")
    assert len(medians.record_medians(now + MINUTE)) == 1


def test_threat_25_stale_feeds_price_nothing(book: Book, now: datetime, settings: LazySettings) -> None:
    agree(now, "50000", "50000", "50000")
    say(now + 10 * MINUTE, "50000")
    assert medians.record_medians(now + 15 * MINUTE + timedelta(seconds=1)) == []
    assert price_at(book, now + 15 * MINUTE) == 50000
    with pytest.raises(RateStale):
        price_at(book, now + 15 * MINUTE + timedelta(seconds=1))


def test_threat_25_a_median_is_no_fresher_than_its_oldest_part(book: Book, now: datetime) -> None:
    say(now - 14 * MINUTE, "50000", "50000")
    say(now, "50000", sources=("kraken",))
    medians.record_medians(now)
    assert price_at(book, now + MINUTE) == 50000
    with pytest.raises(RateStale):
        price_at(book, now + 2 * MINUTE)


def test_threat_25_sources_that_disagree_price_nothing(book: Book, now: datetime) -> None:
    say(now, "50000", "60000", "70000")
    assert medians.record_medians(now) == []
    with pytest.raises(RateMissing):
        price_at(book, now)


@pytest.mark.parametrize("factor", ["10", "0.1", "1.25", "0.8"])
def test_threat_25_a_jump_of_all_is_suspect_until_it_lasts(book: Book, now: datetime, factor: str) -> None:
    agree(now, "50000", "50000", "50000")
    jumped = str(Decimal(50000) * Decimal(factor))
    for minute in range(1, 6):
        at = now + minute * MINUTE
        assert agree(at, jumped, jumped, jumped).suspect
        with pytest.raises(RateSuspect, match="nothing has confirmed it"):
            price_at(book, at)
    for minute in range(6, 9):
        at = now + minute * MINUTE
        assert not agree(at, jumped, jumped, jumped).suspect
        assert price_at(book, at) == Decimal(jumped)


def test_threat_25_a_jump_that_goes_back_never_priced_anything(book: Book, now: datetime) -> None:
    agree(now, "50000", "50000", "50000")
    assert agree(now + MINUTE, "500000", "500000", "500000").suspect
    assert not agree(now + 2 * MINUTE, "50100", "50100", "50100").suspect
    assert price_at(book, now + 2 * MINUTE) == 50100


def test_threat_25_many_small_steps_are_a_jump(now: datetime) -> None:
    price, suspect = Decimal(50000), []
    for minute in range(12):
        text = str(price.quantize(Decimal(1)))
        suspect.append(bool(agree(now + minute * MINUTE, text, text, text).suspect))
        price *= Decimal("1.05")
    assert suspect == [False] * 4 + [True] * 8


def test_threat_25_after_an_outage_a_jump_of_five_times_is_suspect(book: Book, now: datetime) -> None:
    agree(now - 60 * MINUTE, "50000", "50000", "50000")
    assert not agree(now - 30 * MINUTE, "70000", "70000", "70000").suspect
    assert agree(now, "350000", "350000", "350000").suspect


def test_a_person_goes_before_the_median(book: Book) -> None:
    now = timezone.now()
    agree(now, "50000", "50000", "50000")
    rates.record("BTC", "EUR", Decimal(51000), "the desk", now, valid_until=now + MINUTE, by="Bob", reason="feeds lag")
    assert price_at(book, now) == 51000
    assert price_at(book, now + 2 * MINUTE) == 50000


def test_a_source_that_a_person_left_out_takes_no_part(now: datetime) -> None:
    Feed.objects.create(name="kraken", next_at=now, left_out_since=now, left_out_by="Bob")
    assert [part["source"] for part in agree(now, "50000", "50000", "50000").parts] == ["bitstamp", "coinbase"]


def test_needed_are_coins_that_are_on_in_the_currencies_in_use(settings: LazySettings, book: Book) -> None:
    Book.objects.create(name="Zürich", currency="CHF")
    settings.NODE_URLS |= {"monero-regtest": "http://127.0.0.1:1"}
    assert needed.currencies() == ["CHF", "EUR"]
    assert needed.pairs() == [Pair(asset, currency) for asset in ("BTC", "XMR") for currency in ("CHF", "EUR")]
    assert needed.asked_for([Pair("XMR", "CHF")]) == [Pair("EUR", "CHF"), Pair("XMR", "CHF"), Pair("XMR", "EUR")]


def test_a_token_is_priced_by_name_only_if_the_operator_says_so(settings: LazySettings) -> None:
    settings.NODE_URLS = {"ethereum": "http://127.0.0.1:1"}
    assert needed.public_assets() == ["ETH", "USDC", "USDT"]
    settings.RATE_TOKENS = ["USDC"]
    assert needed.public_assets() == ["ETH", "USDC"]
    assert needed.assets() == ["ETH", "USDC", "USDT"]
    assert {pair.asset_code for pair in needed.public_pairs()} == {"ETH", "USDC"}
    assert {pair.asset_code for pair in needed.pairs()} == {"ETH", "USDC", "USDT"}


def test_the_work_is_the_same_however_many_rates_there_are(
    now: datetime, django_assert_max_num_queries: Callable[..., object], settings: LazySettings
) -> None:
    settings.RATE_CURRENCIES = ["EUR", "USD", "CHF", "GBP"]
    for currency in settings.RATE_CURRENCIES:
        for source in settings.RATE_SOURCES:
            Heard.objects.create(source=source, asset_code="BTC", currency=currency, price=50000, observed_at=now)
    medians.record_medians(now - MINUTE)
    Heard.objects.update(observed_at=now + MINUTE)
    with django_assert_max_num_queries(10):  # type: ignore[attr-defined]
        assert len(medians.record_medians(now + MINUTE)) == 4
