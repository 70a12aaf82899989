"""Coinbase: `GET /v2/exchange-rates?currency=BTC`. One question an asset, in every currency; one price, no time.

What it does not list is HTTP 400 or 404 with `errors`, and spoils nothing else.
"""

from collections.abc import Collection, Iterator
from http import HTTPStatus

import msgspec

from cryptopay.feeds.errors import SourceError
from cryptopay.feeds.source import Ask, Told, decoded
from ledger.pairs import Pair

URL = "https://api.coinbase.com/v2/exchange-rates"
_NOT_LISTED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND})


class _Rates(msgspec.Struct):
    currency: str
    rates: dict[str, str]


class _Answer(msgspec.Struct):
    data: _Rates


class Coinbase:
    name, title = "coinbase", "Coinbase"
    least_seconds, fresh_seconds = 10, None

    def tell(self, pairs: Collection[Pair], ask: Ask) -> Iterator[Told]:
        for asset in sorted({pair.asset_code for pair in pairs}):
            try:
                answer = ask(URL, {"currency": asset})
            except SourceError as error:
                if error.status in _NOT_LISTED:
                    continue
                raise
            told = decoded(answer.body, _Answer).data
            if told.currency != asset:
                raise SourceError(f"asked for {asset}, it answers for {told.currency[:20]}")
            for pair in pairs:
                if pair.asset_code == asset and pair.currency in told.rates:
                    price = told.rates[pair.currency]
                    yield Told(pair, price, price, answer.made_at)
