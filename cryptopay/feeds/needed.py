"""Which prices are needed: coins of chains that are on and tokens one may trust by name, in the currencies in use."""

from collections.abc import Iterable

from django.conf import settings

from cryptopay.feeds.source import EURO
from ledger.models import Book
from ledger.pairs import Pair
from monitor import nodes, tokens


def assets() -> list[str]:
    """A token counts only if the operator said that its code means the same to the sources: RATE_TOKENS."""
    on = nodes.switched_on()
    coins = {chain.native.code for chain in on}
    enabled = {token.code for token in tokens.enabled([chain.code for chain in on])}
    return sorted(coins | (enabled & set(settings.RATE_TOKENS)))


def currencies() -> list[str]:
    """RATE_CURRENCIES and those that books are kept in."""
    kept_in = Book.objects.order_by().values_list("currency", flat=True).distinct()
    return sorted({*settings.RATE_CURRENCIES, *kept_in})


def pairs() -> list[Pair]:
    """Every asset in every currency."""
    return [Pair(asset, currency) for asset in assets() for currency in currencies()]


def asked_for(wanted: Iterable[Pair]) -> list[Pair]:
    """What to ask sources so that these can be told: also each coin in euros, and euros in each currency."""
    wanted = list(wanted)
    over = {Pair(pair.asset_code, EURO) for pair in wanted}
    crosses = {Pair(EURO, pair.currency) for pair in wanted if pair.currency != EURO}
    return sorted({*wanted, *over, *crosses})
