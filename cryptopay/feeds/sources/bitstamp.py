"""Bitstamp: www.bitstamp.net/api, `GET /api/v2/ticker/`. One question for all markets, each with its own time.

Perpetual futures are in the list, too, under names of their own ("BTC/USD-PERP").
"""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime

import msgspec

from cryptopay.feeds.errors import SourceError
from cryptopay.feeds.source import Ask, Told, decoded
from ledger.pairs import Pair

URL = "https://www.bitstamp.net/api/v2/ticker/"


class _Ticker(msgspec.Struct):
    pair: str = ""
    bid: str | None = None
    ask: str | None = None
    timestamp: str = ""
    """Seconds since 1970."""


class Bitstamp:
    name, title = "bitstamp", "Bitstamp"
    least_seconds, fresh_seconds = 5, None

    def tell(self, pairs: Collection[Pair], ask: Ask) -> Iterator[Told]:
        tickers = decoded(ask(URL, {}).body, list[_Ticker])
        by_market = {ticker.pair: ticker for ticker in tickers}
        for pair in pairs:
            ticker = by_market.get(str(pair))
            if ticker is not None:
                yield Told(pair, ticker.bid or "", ticker.ask or "", _moment(ticker.timestamp))


def _moment(seconds: str) -> datetime:
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        raise SourceError(f"{seconds[:30]!r} is no time") from None
