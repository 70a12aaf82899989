"""Which prices are needed: of coins whose chains are on and of their tokens, in the currencies in use.

Public sources are asked for fewer of them: they know a token by its name alone, and a name can be anybody's.
"""

from collections.abc import Iterable, Sequence

from django.conf import settings

from cryptopay.feeds.source import EURO
from ledger.models import Book
from ledger.pairs import Pair
from monitor import nodes, tokens


def assets() -> list[str]:
    """What payers may be asked for here."""
    coins, enabled = _offered()
    return sorted(coins | enabled)


def public_assets() -> list[str]:
    """A token counts only if the operator said that its code means the same to the sources: RATE_TOKENS."""
    coins, enabled = _offered()
    return sorted(coins | (enabled & set(settings.RATE_TOKENS)))


def currencies() -> list[str]:
    """RATE_CURRENCIES and those that books are kept in."""
    kept_in = Book.objects.order_by().values_list("currency", flat=True).distinct()
    return sorted({*settings.RATE_CURRENCIES, *kept_in})


def pairs() -> list[Pair]:
    """Every asset in every currency."""
    return _each_in(assets(), currencies())


def public_pairs() -> list[Pair]:
    """Those of them that sources may price."""
    return _each_in(public_assets(), currencies())


def asked_for(wanted: Iterable[Pair]) -> list[Pair]:
    """What to ask sources so that these can be told: also each coin in euros, and euros in each currency."""
    wanted = list(wanted)
    over = {Pair(pair.asset_code, EURO) for pair in wanted}
    crosses = {Pair(EURO, pair.currency) for pair in wanted if pair.currency != EURO}
    return sorted({*wanted, *over, *crosses})


def _offered() -> tuple[set[str], set[str]]:
    """Codes of coins, and of tokens."""
    on = nodes.switched_on()
    return {chain.native.code for chain in on}, {token.code for token in tokens.enabled([chain.code for chain in on])}


def _each_in(codes: Iterable[str], wanted: Sequence[str]) -> list[Pair]:
    return [Pair(asset, currency) for asset in codes for currency in wanted]
