"""One source is asked when it is due; every price is judged; who fails waits, and holds up nobody."""

from datetime import timedelta
from decimal import Decimal

import httpx
import pytest
from django.conf import LazySettings
from django.db import DatabaseError, transaction
from django.utils import timezone

from cryptopay.feeds import fetching
from cryptopay.feeds.models import Feed, Heard
from cryptopay.feeds.source import Told
from ledger.pairs import Pair
from tests.cryptopay.feeds.conftest import NOW, Reply, answers, recorded, refuses, times_out

BTC_EUR = Pair("BTC", "EUR")


@pytest.mark.parametrize(
    ("bid", "ask", "price"),
    [
        ("81249.9", "81250.1", "81250"),
        ("81250", "81250", "81250"),
        (Decimal("0.1"), Decimal("0.11"), "0.105"),
        ("1.000000000000000001", "1.000000000000000002", "1.000000000000000002"),
        ("0.000000000000000001", "0.000000000000000001", "0.000000000000000001"),
    ],
)
def test_the_price_is_the_middle_of_bid_and_ask(bid: str | Decimal, ask: str | Decimal, price: str) -> None:
    assert fetching.judge(Told(BTC_EUR, bid, ask, NOW), NOW) == (Decimal(price), "")


@pytest.mark.parametrize(
    ("bid", "ask", "why"),
    [
        ("0", "81250", "0 is not a price"),
        ("-81250", "81250", "-81250 is not a price"),
        ("NaN", "NaN", "NaN is not a price"),
        ("sNaN", "81250", "sNaN is not a price"),
        ("81250", "Infinity", "Infinity is not a price"),
        ("1e20", "1e20", "1e20 is not a price"),
        ("1e-400", "1e-400", "too small to be a price"),
        ("9" * 5000, "9" * 5000, "is not a price"),
        ("", "81250", "nothing is not a price"),
        ("81,250", "81250", "is not a price"),
        ("81251", "81250", "above the ask"),
        ("8125", "81250", "more than 10% apart"),
    ],
)
def test_threat_25_what_is_no_price_is_none(bid: str, ask: str, why: str) -> None:
    price, said = fetching.judge(Told(BTC_EUR, bid, ask, NOW), NOW)
    assert price is None
    assert why in said


def test_threat_25_a_price_of_the_future_is_none() -> None:
    price, why = fetching.judge(Told(BTC_EUR, "1", "1", NOW + timedelta(minutes=6)), NOW)
    assert (price, why) == (None, "it is told for the future: 2026-11-23 00:06 UTC")


def asked(name: str, reply: Reply) -> int:
    """How many questions it took."""
    questions: list[httpx.Request] = []

    def counted(request: httpx.Request) -> httpx.Response:
        questions.append(request)
        return reply(request)

    fetching.fetch(name, httpx.MockTransport(counted))
    return len(questions)


def due(name: str) -> None:
    Feed.objects.filter(name=name).update(next_at=timezone.now())


@pytest.fixture(autouse=True)
def _needed(settings: LazySettings) -> None:
    settings.NODE_URLS = {"bitcoin-regtest": "http://127.0.0.1:1", "ethereum-dev": "http://127.0.0.1:1"}
    settings.RATE_CURRENCIES = ["EUR", "USD"]


@pytest.mark.django_db
def test_the_latest_word_on_what_is_needed_is_remembered() -> None:
    assert asked("kraken", answers) == 1
    heard = {(row.asset_code, row.currency): row.price for row in Heard.objects.all()}
    assert heard == {
        ("BTC", "EUR"): Decimal("81250"),
        ("BTC", "USD"): Decimal("94150.05"),
        ("ETH", "EUR"): Decimal("2610"),
        ("EUR", "USD"): Decimal("1.1588"),
    }
    due("kraken")
    body = recorded("kraken.json").content.replace(b'"81249.90000"', b'"0"')
    assert asked("kraken", lambda request: httpx.Response(200, content=body)) == 1
    row = Heard.objects.get(source="kraken", asset_code="BTC", currency="EUR")
    assert (row.price, row.refused) == (None, "0 is not a price")
    assert Heard.objects.count() == 4


@pytest.mark.django_db
def test_nobody_is_asked_before_it_is_due() -> None:
    assert asked("kraken", answers) == 1
    assert asked("kraken", answers) == 0
    assert asked("bitstamp", answers) == 1
    assert Feed.objects.get(name="kraken").next_at <= timezone.now() + timedelta(seconds=60)
    asked("ecb", answers)
    assert Feed.objects.get(name="ecb").next_at > timezone.now() + timedelta(minutes=59)


@pytest.mark.django_db
@pytest.mark.parametrize("reply", [times_out, refuses, lambda request: httpx.Response(500)])
def test_threat_25_a_source_that_fails_waits_longer_each_time_and_stops_nobody(reply: Reply) -> None:
    waits = []
    for _ in range(8):
        asked("kraken", reply)
        feed = Feed.objects.get(name="kraken")
        waits.append(round((feed.next_at - timezone.now()).total_seconds() / 60))
        due("kraken")
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]
    assert (feed.failures, feed.answered_at) == (8, None)
    assert feed.failing_since
    assert feed.failure
    assert asked("bitstamp", answers) == 1
    assert Heard.objects.filter(source="bitstamp").exists()
    asked("kraken", answers)
    feed.refresh_from_db()
    assert (feed.failures, feed.failure, feed.failing_since) == (0, "", None)
    assert feed.answered_at


@pytest.mark.django_db
def test_who_asks_us_to_wait_is_waited_for() -> None:
    asked("kraken", lambda request: httpx.Response(429, headers={"Retry-After": "7200"}))
    assert Feed.objects.get(name="kraken").next_at > timezone.now() + timedelta(minutes=119)


@pytest.mark.django_db
def test_a_failure_keeps_what_was_heard_before() -> None:
    asked("kraken", answers)
    before = list(Heard.objects.values())
    due("kraken")
    asked("kraken", lambda request: recorded("kraken_error.json"))
    assert list(Heard.objects.values()) == before
    assert "EGeneral:Too many requests" in Feed.objects.get(name="kraken").failure


@pytest.mark.django_db
def test_the_database_keeps_a_positive_price_or_a_reason() -> None:
    word = {"source": "kraken", "asset_code": "BTC", "currency": "EUR", "observed_at": NOW}
    for wrong in ({}, {"price": 1, "refused": "x"}, {"price": 0}, {"price": -1}, {"price": 5, "refused": "y"}):
        with pytest.raises(DatabaseError), transaction.atomic():
            Heard.objects.create(**word, **wrong)  # type: ignore[misc]
