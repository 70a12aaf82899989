"""Every source reads its own answers, and no answer at all makes it say anything else than that it failed."""

from datetime import UTC, datetime
from decimal import Decimal

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptopay.feeds import asking
from cryptopay.feeds.asking import Questions
from cryptopay.feeds.errors import SourceError
from cryptopay.feeds.source import Told
from cryptopay.feeds.sources import SOURCES
from ledger.pairs import Pair
from tests.cryptopay.feeds.conftest import NOW, RECORDED, Reply, answers, recorded, refuses, times_out

ASSETS = ("BTC", "ETH", "BCH", "DOGE", "XMR", "USDT", "EUR", "NONE")
PAIRS = [Pair(asset, currency) for asset in ASSETS for currency in ("EUR", "USD", "JPY", "HRK")]

TOLD = {
    "kraken": {
        "BCH/EUR": ("409.80000", "410.20000"),
        "DOGE/EUR": ("0.130000000", "0.130200000"),
        "ETH/EUR": ("2609.40000", "2610.60000"),
        "BTC/EUR": ("81249.90000", "81250.10000"),
        "BTC/USD": ("94150.00000", "94150.10000"),
        "XMR/EUR": ("311.60000", "312.40000"),
        "EUR/USD": ("1.15870", "1.15890"),
    },
    "bitstamp": {
        "BTC/EUR": ("81250", "81252"),
        "BTC/USD": ("94151", "94153"),
        "ETH/EUR": ("2610.0", "2611.0"),
        "EUR/USD": ("1.15880", "1.15890"),
    },
    "bitfinex": {
        "BTC/USD": (Decimal(94149), Decimal(94151)),
        "BTC/EUR": (Decimal(81248), Decimal(81250)),
        "XMR/USD": (Decimal("361.2"), Decimal("361.8")),
        "XMR/EUR": (Decimal("311.7"), Decimal("312.7")),
        "BCH/USD": (Decimal("474.7"), Decimal("475.3")),
        "DOGE/USD": (Decimal("0.15077"), Decimal("0.15083")),
        "USDT/USD": (Decimal("0.9998"), Decimal("0.9999")),
    },
    "coinbase": {
        "BTC/EUR": ("81251.005", "81251.005"),
        "BTC/USD": ("94151.125", "94151.125"),
        "BTC/JPY": ("14593812.5", "14593812.5"),
        "EUR/EUR": ("1.0", "1.0"),
        "EUR/USD": ("1.15878", "1.15878"),
        "EUR/JPY": ("179.62", "179.62"),
    },
    "ecb": {
        "EUR/USD": ("1.1585", "1.1585"),
        "EUR/JPY": ("179.55", "179.55"),
        "EUR/HRK": ("7.5365", "7.5365"),
    },
}


def tell(name: str, reply: Reply) -> list[Told]:
    with Questions(httpx.MockTransport(reply)) as questions:
        return list(SOURCES[name].tell(PAIRS, questions.ask))


def test_every_source_has_its_recorded_answers() -> None:
    assert set(TOLD) == set(SOURCES)
    for name, source in SOURCES.items():
        assert source.name == name
        assert any(file.name.startswith(name) for file in RECORDED.iterdir())


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_reads_its_own_answer(name: str) -> None:
    told = tell(name, answers)
    assert {str(word.pair): (word.bid, word.ask) for word in told} == TOLD[name]
    assert not any(isinstance(side, float) for word in told for side in (word.bid, word.ask))


def test_times_are_the_sources_own_where_it_tells_them() -> None:
    assert {word.told_at for word in tell("kraken", answers)} == {NOW}
    stamps = {str(word.pair): word.told_at for word in tell("bitstamp", answers)}
    assert stamps["BTC/EUR"] == datetime(2026, 11, 22, 23, 59, 50, tzinfo=UTC)
    days = {str(word.pair): f"{word.told_at:%Y-%m-%d %H:%M}" for word in tell("ecb", answers)}
    assert days == {"EUR/USD": "2026-11-20 12:15", "EUR/JPY": "2026-11-20 12:15", "EUR/HRK": "2022-12-30 12:15"}


def test_what_a_cache_kept_is_as_old_as_it_is() -> None:
    def kept(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=(RECORDED / "kraken.json").read_bytes(), headers={"Age": "7200"})

    made = tell("kraken", kept)[0].told_at
    assert 7200 <= (datetime.now(UTC) - made).total_seconds() < 7800


@pytest.mark.parametrize(("name", "error"), [("kraken", "kraken_error.json"), ("bitfinex", "bitfinex_error.json")])
@pytest.mark.parametrize("status", [200, 500])
def test_an_error_in_the_answer_is_one(name: str, error: str, status: int) -> None:
    with pytest.raises(SourceError):
        tell(name, lambda request: recorded(error, status))


def test_what_coinbase_does_not_list_spoils_nothing_but_its_failures_do() -> None:
    asked: list[str] = []

    def fails_later(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params["currency"])
        return answers(request) if asked[-1] != "ETH" else httpx.Response(500)

    with pytest.raises(SourceError, match="HTTP 500"):
        tell("coinbase", fails_later)
    assert "BCH" in asked  # 400: not listed, went on


def test_another_assets_prices_are_not_taken_for_it() -> None:
    with pytest.raises(SourceError, match="asked for BCH, it answers for BTC"):
        tell("coinbase", lambda request: recorded("coinbase_BTC.json"))


_GARBAGE = [
    *(b"", b" ", b"null", b"0", b"{}", b"[[]]", b'["error"]', b"\xff\xfe\x00"),
    b"<html><body>Just a moment...</body></html>",
    b'{"error":[],"result":[]}',
    b'{"error":[],"result":{"XXBTZEUR":{"a":"1","b":"1"}}}',
    b'{"data":{"currency":"BTC"}}',
    b'[{"pair":"BTC/EUR","bid":1}]',
    b'[{"pair":"BTC/EUR","bid":"1","ask":"1","timestamp":"soon"}]',
    b'[["tBTCEUR","x",1,2]]',
    b'[["tBTCEUR",NaN,1,NaN]]',
    b"CURRENCY,TIME_PERIOD,OBS_VALUE\nUSD,yesterday,1\n",
]


@pytest.mark.parametrize("name", SOURCES)
def test_threat_25_garbage_is_no_price(name: str) -> None:
    for body in _GARBAGE:
        try:
            told = tell(name, lambda request, body=body: httpx.Response(200, content=body))  # type: ignore[misc]
        except SourceError:
            continue
        assert told == [], body


@pytest.mark.parametrize("name", SOURCES)
@given(cut=st.integers(0, 400), put=st.binary(max_size=8))
def test_threat_25_a_mutilated_answer_is_read_or_refused(name: str, cut: int, put: bytes) -> None:
    file = "ecb.csv" if name == "ecb" else "coinbase_BTC.json" if name == "coinbase" else f"{name}.json"
    body = (RECORDED / file).read_bytes()
    try:
        told = tell(name, lambda request: httpx.Response(200, content=body[:cut] + put + body[cut + len(put) :]))
    except SourceError:
        return
    assert {word.pair for word in told} <= set(PAIRS)


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("reply", [times_out, refuses])
def test_no_answer_is_a_failure(name: str, reply: Reply) -> None:
    with pytest.raises(SourceError, match="no answer"):
        tell(name, reply)


@pytest.mark.parametrize("name", SOURCES)
def test_another_status_is_a_failure_and_says_how_long_to_wait(name: str) -> None:
    for status, wait, seconds in ((429, "120", 120), (503, "soon", 0), (500, "", 0), (302, "9" * 30, 0), (204, "", 0)):
        headers = {"Retry-After": wait, "Location": "http://127.0.0.1/"} if wait else {}
        with pytest.raises(SourceError) as failure:
            tell(name, lambda request, s=status, h=headers: httpx.Response(s, headers=h))  # type: ignore[misc]
        assert (failure.value.status, failure.value.retry_seconds) == (status, seconds)


def test_an_answer_is_bounded_in_size_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "MOST_BYTES", 1000)
    with pytest.raises(SourceError, match="more than 1000 bytes"):
        tell("kraken", answers)
    monkeypatch.undo()
    monkeypatch.setattr(asking, "ANSWER_SECONDS", -1.0)
    with pytest.raises(SourceError, match="no whole answer"):
        tell("kraken", answers)
