"""The sources there are. A new one is a file here, a line below, and its recorded exchanges in the tests."""

from collections.abc import Mapping
from types import MappingProxyType

from cryptopay.feeds.source import Source
from cryptopay.feeds.sources.bitfinex import Bitfinex
from cryptopay.feeds.sources.bitstamp import Bitstamp
from cryptopay.feeds.sources.coinbase import Coinbase
from cryptopay.feeds.sources.ecb import EuropeanCentralBank
from cryptopay.feeds.sources.kraken import Kraken

_ALL: tuple[Source, ...] = (Bitfinex(), Bitstamp(), Coinbase(), EuropeanCentralBank(), Kraken())

SOURCES: Mapping[str, Source] = MappingProxyType({source.name: source for source in _ALL})
