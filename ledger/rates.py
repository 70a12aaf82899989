"""Recorded prices, and which of them prices something now. One that cannot be trusted prices nothing.

    by hand      a person, or a merchant's program, says a price and until when it holds
    recorded     a price of some moment: from a file, or sent by a program; it holds for RATE_MAX_AGE_SECONDS
    median       what several sources agree on; whoever asks them records it, with each source's word in `parts`

A book's own rates go before the platform's, and what was set by hand before all else of the same book, as long as it
holds. What is missing, stale or suspect is refused, never replaced by a guess.

Rounding is the caller's: a quote rounds up to the chain's `quote_decimals`, a valuation to the currency's cent.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext

from django.conf import settings
from django.utils import timezone

from ledger.errors import RateError, RateInvalid, RateMissing, RateStale, RateSuspect
from ledger.models import Rate
from ledger.pairs import Pair

FINEST_PRICE = Decimal(1).scaleb(-18)
LARGEST_PRICE = Decimal(10) ** 20
STORED_DIGITS = 38
SUSPECT_FACTOR = 5
"""A price that many times the one before is refused until a second one agrees with it."""
COMPARED_WITHIN = timedelta(hours=24)
CLOCK_SKEW = timedelta(minutes=5)
LONGEST_BY_HAND = timedelta(days=366)


def record(
    asset_code: str,
    currency: str,
    price: Decimal,
    source: str,
    observed_at: datetime,
    book_id: int | None = None,
    *,
    valid_until: datetime | None = None,
    by: str = "",
    reason: str = "",
    confirmed: bool = False,
) -> Rate:
    """Keep a price of one whole `asset_code` in `currency`. With `valid_until` it is set by hand, and needs `by`.

    `confirmed`: a person was shown how far it is from the one before, and means it. Raises `RateInvalid`.
    """
    check_price(price)
    if observed_at > timezone.now() + CLOCK_SKEW:
        raise RateInvalid("a price cannot be observed in the future")
    if valid_until is not None and not observed_at <= valid_until <= observed_at + LONGEST_BY_HAND:
        raise RateInvalid(f"a price holds for {LONGEST_BY_HAND.days} days at most, and not before it was observed")
    pair = Pair(asset_code, currency)
    before = None if confirmed else latest(book_id, pair, observed_at)
    return Rate.objects.create(
        book_id=book_id,
        asset_code=asset_code,
        currency=currency,
        price=price,
        source=source,
        origin=Rate.Origin.RECORDED if valid_until is None else Rate.Origin.MANUAL,
        observed_at=observed_at,
        valid_until=valid_until,
        suspect=jump(price, observed_at, before),
        by=by,
        reason=reason,
    )


def check_price(price: Decimal) -> None:
    """Raises `RateInvalid`: zero, negative, NaN, infinite, too large or too fine to be kept exactly."""
    if not price.is_finite() or not 0 < price < LARGEST_PRICE:
        raise RateInvalid(f"{price} is not a price")
    with localcontext(prec=STORED_DIGITS):
        if price != price.quantize(FINEST_PRICE):
            raise RateInvalid("a price has at most 18 decimals")


def jump(price: Decimal, observed_at: datetime, before: Rate | None) -> str:
    """Why the price is suspect beside the one before it; empty: it is not."""
    if before is None or observed_at - before.observed_at > COMPARED_WITHIN:
        return ""
    low, high = sorted((price, before.price))
    return f"moved from {before.price.normalize():f} to {price.normalize():f}" if high >= low * SUSPECT_FACTOR else ""


def current(book_id: int, asset_code: str, currency: str, now: datetime | None = None) -> Rate:
    """The rate that may price something now: the book's own or the platform's.

    Raises `RateMissing`, `RateStale` (older than RATE_MAX_AGE_SECONDS, or past its `valid_until`), `RateSuspect`
    (a jump that nothing confirms).
    """
    now = now or timezone.now()
    pair = Pair(asset_code, currency)
    rate = first_in_line(_candidates(book_id, [pair], now, 1).get(pair, ()), now)
    if rate is None:
        raise RateMissing(f"no rate of {asset_code} in {currency} is known")
    if (refusal := refused(rate, now)) is not None:
        raise refusal
    return rate


def refused(rate: Rate, now: datetime) -> RateError | None:
    """Why it may price nothing at that moment; None: it may."""
    if not holds(rate, now):
        at = f"{rate.observed_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        return RateStale(f"the newest rate of {rate.asset_code} in {rate.currency} is from {at}")
    if rate.suspect:
        return RateSuspect(f"the rate of {rate.asset_code} in {rate.currency} {rate.suspect}")
    return None


def holds(rate: Rate, now: datetime) -> bool:
    """Whether its time is not over."""
    if rate.valid_until is not None and now > rate.valid_until:
        return False
    by_hand = rate.origin == Rate.Origin.MANUAL
    return by_hand or now - rate.observed_at <= timedelta(seconds=settings.RATE_MAX_AGE_SECONDS)


def in_line(book_id: int | None, pairs: Sequence[Pair], now: datetime) -> dict[Pair, Rate]:
    """What comes first for each pair at that moment, whether it may price or not; one statement."""
    found = _candidates(book_id, pairs, now, 1)
    firsts = {pair: first_in_line(rows, now) for pair, rows in found.items()}
    return {pair: rate for pair, rate in firsts.items() if rate is not None}


def first_in_line(rates: Iterable[Rate], now: datetime) -> Rate | None:
    """Of the newest of each sort, the first that holds; where none does, the newest."""
    ordered = sorted(rates, key=lambda rate: (rate.book_id is None, rate.origin != Rate.Origin.MANUAL))
    holding = next((rate for rate in ordered if holds(rate, now)), None)
    return holding or max(ordered, key=lambda rate: (rate.observed_at, rate.pk), default=None)


def latest(book_id: int | None, pair: Pair, at: datetime) -> Rate | None:
    """The newest before that moment, the book's own before the platform's, of whatever sort: what is compared with."""
    rates = _candidates(book_id, [pair], at - CLOCK_SKEW, 1).get(pair, [])
    own = [rate for rate in rates if rate.book_id == book_id]
    return max(own or rates, key=lambda rate: (rate.observed_at, rate.pk), default=None)


def history(book_id: int, pair: Pair, before: tuple[datetime, int] | None, limit: int) -> list[Rate]:
    """The book's own and the platform's, newest observed first, behind a position (moment, id)."""
    at, pk = before or (timezone.now(), _PAST_EVERY_ID)
    rows = _candidates(book_id, [pair], at - CLOCK_SKEW if before else at, limit, pk).get(pair, [])
    return sorted(rows, key=lambda rate: (rate.observed_at, rate.pk), reverse=True)[:limit]


_PAST_EVERY_ID = 2**62
_PLATFORM_BRANCHES = ("book_id IS NULL AND origin = 'manual'", "book_id IS NULL AND NOT origin = 'manual'")
_OWN_BRANCHES = (
    "book_id = %s AND book_id IS NOT NULL AND origin = 'manual'",
    "book_id = %s AND book_id IS NOT NULL AND NOT origin = 'manual'",
)
_BRANCHES = (*_OWN_BRANCHES, *_PLATFORM_BRANCHES)
"""Each reads one index from its newest end."""
_BRANCH = """
    (SELECT * FROM ledger_rate
     WHERE {branch} AND asset_code = p.asset_code AND currency = p.currency AND (observed_at, id) < (%s, %s)
     ORDER BY observed_at DESC, id DESC LIMIT %s)
"""
_NEWEST = """
    SELECT r.* FROM unnest(%s::text[], %s::text[]) AS p (asset_code, currency)
    CROSS JOIN LATERAL ({branches}) AS r
"""


def _candidates(
    book_id: int | None, pairs: Sequence[Pair], now: datetime, limit: int, before_id: int = _PAST_EVERY_ID
) -> Mapping[Pair, list[Rate]]:
    """Of each pair and sort the newest up to that moment, clocks' skew allowed."""
    branches = _PLATFORM_BRANCHES if book_id is None else _BRANCHES
    asked: list[object] = [[pair.asset_code for pair in pairs], [pair.currency for pair in pairs]]
    for branch in branches:
        asked += [book_id] if branch in _OWN_BRANCHES else []
        asked += [now + CLOCK_SKEW, before_id, limit]
    statement = _NEWEST.format(branches=" UNION ALL ".join(_BRANCH.format(branch=branch) for branch in branches))
    found: defaultdict[Pair, list[Rate]] = defaultdict(list)
    for rate in Rate.objects.raw(statement, asked):
        found[Pair(rate.asset_code, rate.currency)].append(rate)
    return found
