"""Recorded prices. A rate that cannot be trusted prices nothing: missing, stale and suspect ones are refused.

Rounding is the caller's: a quote rounds up to the chain's `quote_decimals`, a valuation to the currency's cent.
"""

from datetime import datetime, timedelta
from decimal import Decimal, localcontext

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from ledger.errors import RateInvalid, RateMissing, RateStale, RateSuspect
from ledger.models import Rate

FINEST_PRICE = Decimal(1).scaleb(-18)
LARGEST_PRICE = Decimal(10) ** 20
STORED_DIGITS = 38
SUSPECT_FACTOR = 5
"""A price that many times the one before is refused until a second one agrees with it."""
COMPARED_WITHIN = timedelta(hours=24)
CLOCK_SKEW = timedelta(minutes=5)


def record(
    asset_code: str, currency: str, price: Decimal, source: str, observed_at: datetime, book_id: int | None = None
) -> Rate:
    """Keep a price of one whole `asset_code` in `currency`. Raises `RateInvalid`."""
    if not price.is_finite() or not 0 < price < LARGEST_PRICE:
        raise RateInvalid(f"{price} is not a price")
    with localcontext(prec=STORED_DIGITS):
        if price != price.quantize(FINEST_PRICE):
            raise RateInvalid("a price has at most 18 decimals")
    if observed_at > timezone.now() + CLOCK_SKEW:
        raise RateInvalid("a price cannot be observed in the future")
    return Rate.objects.create(
        book_id=book_id,
        asset_code=asset_code,
        currency=currency,
        price=price,
        source=source,
        observed_at=observed_at,
    )


def current(book_id: int, asset_code: str, currency: str, now: datetime | None = None) -> Rate:
    """The newest rate that may price something now: the book's own or the platform's.

    Raises `RateMissing`, `RateStale` (older than RATE_MAX_AGE_SECONDS), `RateSuspect` (a jump by `SUSPECT_FACTOR` that
    no second rate confirms).
    """
    now = now or timezone.now()
    newest, before = _two_newest(_known(book_id, asset_code, currency).filter(observed_at__lte=now + CLOCK_SKEW))
    if newest is None:
        raise RateMissing(f"no rate of {asset_code} in {currency} is known")
    if now - newest.observed_at > timedelta(seconds=settings.RATE_MAX_AGE_SECONDS):
        at = f"{newest.observed_at:%Y-%m-%d %H:%M} UTC"
        raise RateStale(f"the newest rate of {asset_code} in {currency} is from {at}")
    if before is not None and newest.observed_at - before.observed_at <= COMPARED_WITHIN:
        low, high = sorted((newest.price, before.price))
        if high >= low * SUSPECT_FACTOR:
            raise RateSuspect(f"the rate of {asset_code} in {currency} moved from {before.price:f} to {newest.price:f}")
    return newest


def _known(book_id: int, asset_code: str, currency: str) -> QuerySet[Rate]:
    return Rate.objects.filter(Q(book_id=book_id) | Q(book_id=None), asset_code=asset_code, currency=currency)


def _two_newest(rates: QuerySet[Rate]) -> tuple[Rate | None, Rate | None]:
    found = list(rates.order_by("-observed_at", "-pk")[:2])
    return (found[0] if found else None, found[1] if len(found) > 1 else None)
