"""Kraken: docs.kraken.com/api/docs/rest-api/get-ticker-information. One question for all markets; no times of its own.

Errors come with HTTP 200, in `error`. Its names: XBT for bitcoin, XDG for dogecoin; the oldest coins carry an X, the
oldest currencies a Z: XXBTZEUR beside BCHEUR.
"""

from collections.abc import Collection, Iterator

import msgspec

from cryptopay.feeds.errors import SourceError
from cryptopay.feeds.source import Ask, Told, decoded
from ledger.pairs import Pair

URL = "https://api.kraken.com/0/public/Ticker"
_NAMES = {"BTC": "XBT", "DOGE": "XDG"}


class _Ticker(msgspec.Struct):
    a: list[str]
    """Ask: price, whole lot volume, lot volume."""
    b: list[str]
    """Bid, the same."""


class _Tickers(msgspec.Struct):
    error: list[str]
    result: dict[str, msgspec.Raw] = {}


class Kraken:
    """All markets in one answer, so that one that is not listed spoils none."""

    name, title = "kraken", "Kraken"
    least_seconds, fresh_seconds = 5, None

    def tell(self, pairs: Collection[Pair], ask: Ask) -> Iterator[Told]:
        answer = ask(URL, {})
        tickers = decoded(answer.body, _Tickers)
        if tickers.error:
            raise SourceError(f"it answers: {', '.join(tickers.error)[:150]}")
        for pair in pairs:
            market = next((name for name in _markets(pair) if name in tickers.result), None)
            if market is not None:
                ticker = decoded(bytes(tickers.result[market]), _Ticker)
                yield Told(pair, _first(ticker.b), _first(ticker.a), answer.made_at)


def _first(fields: list[str]) -> str:
    return fields[0] if fields else ""


def _markets(pair: Pair) -> Iterator[str]:
    asset = _NAMES.get(pair.asset_code, pair.asset_code)
    for first in (f"X{asset}", f"Z{asset}", asset):
        yield f"{first}Z{pair.currency}"
        yield f"{first}{pair.currency}"
