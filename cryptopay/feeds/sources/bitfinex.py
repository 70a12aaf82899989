"""Bitfinex: docs.bitfinex.com/reference/rest-public-tickers. One question for all markets; no times of its own.

A ticker is an array: symbol, bid, bid size, ask, ... with numbers. Errors are ["error", number, text]. Its names: BCHN,
DSH, UST for USDT and UDC for USDC; a colon stands between names where one is longer than three letters.
"""

from collections.abc import Collection, Iterator
from decimal import Decimal

import msgspec

from cryptopay.feeds.errors import SourceError
from cryptopay.feeds.source import Ask, Told, decoded
from ledger.pairs import Pair

URL = "https://api-pub.bitfinex.com/v2/tickers"
_NAMES = {"BCH": "BCHN", "DASH": "DSH", "USDT": "UST", "USDC": "UDC"}
_SHORT = 3
_BID, _ASK = 1, 3


class Bitfinex:
    name, title = "bitfinex", "Bitfinex"
    least_seconds, fresh_seconds = 10, None

    def tell(self, pairs: Collection[Pair], ask: Ask) -> Iterator[Told]:
        answer = ask(URL, {"symbols": "ALL"})
        rows = decoded(answer.body, list[msgspec.Raw])
        if rows and bytes(rows[0]) == b'"error"':
            raise SourceError(f"it answers: {answer.body[:150].decode(errors='replace')}")
        wanted = {_symbol(pair): pair for pair in pairs}
        for row in rows:
            fields = decoded(bytes(row), list[msgspec.Raw])
            if fields and (pair := wanted.get(decoded(bytes(fields[0]), str))) is not None:
                yield Told(pair, _price(fields, _BID), _price(fields, _ASK), answer.made_at)


def _price(fields: list[msgspec.Raw], place: int) -> Decimal | str:
    """Null, where nobody bids or asks, is no price."""
    value = bytes(fields[place]) if place < len(fields) else b"null"
    return "" if value == b"null" else decoded(value, Decimal)


def _symbol(pair: Pair) -> str:
    asset = _NAMES.get(pair.asset_code, pair.asset_code)
    between = ":" if len(asset) > _SHORT else ""
    return f"t{asset}{between}{pair.currency}"
