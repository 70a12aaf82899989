"""What sources agree on. Pure: what was heard goes in, a price with each source's part in it comes out, or why not.

    fresh      a price counts for RATE_MAX_AGE_SECONDS, the central bank's for its days
    enough     RATE_MIN_SOURCES fresh prices at least
    together   who is more than RATE_DEVIATION_PERCENT away from the median is left out; a majority must remain
    the price  the median of those that remain; of two, the middle

Where too few price a pair directly, the way over the euro stands beside them: asset in euros, euros in the currency.
Each of its two steps must be agreed on by as many sources, so it is as good as they are together.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from cryptopay.feeds.source import EURO
from ledger.pairs import Pair
from ledger.rates import FINEST_PRICE

_EXACT_DIGITS = 100
OVER_THE_EURO = "cross"


@dataclass(frozen=True, slots=True)
class Rules:
    """What must hold. `fresh` is how old each source's prices may be."""

    fresh: Mapping[str, timedelta]
    least_sources: int
    deviation_percent: Decimal
    max_age: timedelta
    """Of everyone who is not in `fresh`."""


@dataclass(frozen=True, slots=True)
class Word:
    """One source's latest price of a pair; `refused` says why it has none."""

    source: str
    price: Decimal | None
    observed_at: datetime
    refused: str = ""
    sources: int = 1
    """How many stand behind it."""


@dataclass(frozen=True, slots=True)
class Part:
    """A word, and whether it was used; if not, `why`."""

    source: str
    price: Decimal | None
    observed_at: datetime
    why: str = ""

    @property
    def used(self) -> bool:
        return not self.why


@dataclass(frozen=True, slots=True)
class Agreement:
    """`price` is None where there is none; then `why` says so. `good_until`: its oldest part is too old afterwards."""

    pair: Pair
    price: Decimal | None
    parts: Sequence[Part]
    why: str = ""
    good_until: datetime | None = None

    @property
    def sources(self) -> list[str]:
        return [part.source for part in self.parts if part.used]


def agree_on(
    pairs: Iterable[Pair], heard: Mapping[Pair, Sequence[Word]], now: datetime, rules: Rules
) -> list[Agreement]:
    """For each pair, directly or over the euro."""
    return [_agree_or_cross(pair, heard, now, rules) for pair in pairs]


def agree(pair: Pair, words: Sequence[Word], now: datetime, rules: Rules) -> Agreement:
    """On these words alone."""
    fresh, parts = _fresh(words, now, rules)
    if sum(word.sources for word in fresh) < rules.least_sources:
        return _none(pair, fresh, parts, f"{len(fresh)} of {rules.least_sources} sources have a fresh price")
    middle = median([price for _, price in _priced(fresh)])
    near = [word for word, price in _priced(fresh) if _apart(price, middle) <= rules.deviation_percent]
    far = [word for word in fresh if word not in near]
    parts += [_left_out(word, middle) for word in far]
    if sum(word.sources for word in near) < rules.least_sources or 2 * len(near) <= len(fresh):
        return _none(pair, near, parts, "the sources disagree")
    price = median([price for _, price in _priced(near)])
    used = [Part(word.source, word.price, word.observed_at) for word in near]
    until = min(word.observed_at + _usable(word, rules) for word in near)
    return Agreement(pair, price, _ordered([*used, *parts]), good_until=until)


def median(prices: Sequence[Decimal]) -> Decimal:
    """Of an even number the middle of the middle two, rounded half to even to 18 decimals."""
    ordered = sorted(prices)
    upper = len(ordered) // 2
    with localcontext(prec=_EXACT_DIGITS):
        middle = ordered[upper] if len(ordered) % 2 else (ordered[upper - 1] + ordered[upper]) / 2
        return rounded(middle)


def rounded(price: Decimal) -> Decimal:
    """As finely as a rate is kept."""
    with localcontext(prec=_EXACT_DIGITS):
        return price.quantize(FINEST_PRICE, ROUND_HALF_EVEN)


def _agree_or_cross(pair: Pair, heard: Mapping[Pair, Sequence[Word]], now: datetime, rules: Rules) -> Agreement:
    words = list(heard.get(pair, ()))
    direct = agree(pair, words, now, rules)
    if direct.price is not None or EURO in pair or len(_fresh(words, now, rules)[0]) >= rules.least_sources:
        return direct
    in_euros = agree(Pair(pair.asset_code, EURO), heard.get(Pair(pair.asset_code, EURO), ()), now, rules)
    euros_in = agree(Pair(EURO, pair.currency), heard.get(Pair(EURO, pair.currency), ()), now, rules)
    if in_euros.price is None or euros_in.price is None or in_euros.good_until is None:
        return direct
    return agree(pair, [*words, _over_the_euro(in_euros, euros_in, now, rules)], now, rules)


def _over_the_euro(in_euros: Agreement, euros_in: Agreement, now: datetime, rules: Rules) -> Word:
    """As old as what the coin costs in euros; as many sources as the weaker step has."""
    assert in_euros.price is not None  # noqa: S101
    assert euros_in.price is not None  # noqa: S101
    with localcontext(prec=_EXACT_DIGITS):
        price = rounded(in_euros.price * euros_in.price)
    steps = f"{', '.join(in_euros.sources)} × {', '.join(euros_in.sources)}"
    observed = min(part.observed_at for part in in_euros.parts if part.used)
    weaker = min(len(in_euros.sources), len(euros_in.sources))
    return Word(f"{OVER_THE_EURO} ({steps})", price if price else None, observed, sources=weaker)


def _fresh(words: Sequence[Word], now: datetime, rules: Rules) -> tuple[list[Word], list[Part]]:
    """Those that count, and the others with the reason."""
    fresh, parts = [], []
    for word in words:
        if word.price is None:
            parts.append(Part(word.source, None, word.observed_at, word.refused or "it is too small to be a price"))
        elif now - word.observed_at > _usable(word, rules):
            parts.append(Part(word.source, word.price, word.observed_at, "too old"))
        else:
            fresh.append(word)
    return fresh, parts


def _usable(word: Word, rules: Rules) -> timedelta:
    return rules.fresh.get(word.source, rules.max_age)


def _priced(words: Iterable[Word]) -> list[tuple[Word, Decimal]]:
    return [(word, word.price) for word in words if word.price is not None]


def _apart(price: Decimal, middle: Decimal) -> Decimal:
    """Percent of the middle."""
    with localcontext(prec=_EXACT_DIGITS):
        return abs(price - middle) * 100 / middle


def _left_out(word: Word, middle: Decimal) -> Part:
    assert word.price is not None  # noqa: S101
    percent = _apart(word.price, middle).quantize(Decimal("0.1"))
    return Part(word.source, word.price, word.observed_at, f"{percent}% away from the median")


def _none(pair: Pair, near: Sequence[Word], parts: Sequence[Part], why: str) -> Agreement:
    unused = [Part(word.source, word.price, word.observed_at, why) for word in near]
    return Agreement(pair, None, _ordered([*unused, *parts]), why)


def _ordered(parts: Iterable[Part]) -> list[Part]:
    return sorted(parts, key=lambda part: (not part.used, part.source))


def by_pair(words: Iterable[tuple[Pair, Word]]) -> dict[Pair, list[Word]]:
    """As `agree_on` takes them."""
    found: defaultdict[Pair, list[Word]] = defaultdict(list)
    for pair, word in words:
        found[pair].append(word)
    return found
