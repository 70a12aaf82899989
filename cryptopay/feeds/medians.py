"""What sources agree on becomes a rate of the platform. A jump is suspect, and prices nothing, until it is confirmed.

A median that is more than RATE_JUMP_PERCENT away from one within RATE_JUMP_SECONDS is suspect. It is confirmed when the
medians since then have stayed together for RATE_CONFIRM_SECONDS, or when a person sets the price by hand.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import takewhile

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from cryptopay.feeds import needed
from cryptopay.feeds.agreeing import Agreement, Part, Rules, Word, agree_on, by_pair
from cryptopay.feeds.models import Feed, Heard
from cryptopay.feeds.sources import SOURCES
from ledger import rates
from ledger.models import Rate
from ledger.pairs import Pair

log = structlog.get_logger(__name__)

_LOCK = 7266
_LONGEST_SOURCE = 200


def record_medians(now: datetime | None = None) -> list[Rate]:
    """A rate for each of `needed.public_pairs` that is agreed on and says something new. Two at once record once."""
    now = now or timezone.now()
    with transaction.atomic():
        if not _alone():
            return []
        agreed = [one for one in agreements(needed.public_pairs(), now) if one.price is not None]
        before = _recent([one.pair for one in agreed], now)
        new = [_rate(one, before[one.pair], now) for one in agreed if not _said(one, before[one.pair])]
        Rate.objects.bulk_create(new)
    for rate in new:
        if rate.suspect:
            log.warning("feeds.median_suspect", pair=f"{rate.asset_code}/{rate.currency}", why=rate.suspect)
    return new


def agreements(pairs: Collection[Pair], now: datetime) -> list[Agreement]:
    """What the sources in use say of these pairs at that moment, with each one's part in it."""
    asked = needed.asked_for(pairs)
    return agree_on(pairs, by_pair(_words(asked)), now, rules())


def rules() -> Rules:
    """As the operator has set them."""
    max_age = timedelta(seconds=settings.RATE_MAX_AGE_SECONDS)
    fresh = {
        name: timedelta(seconds=source.fresh_seconds) if source.fresh_seconds else max_age
        for name, source in SOURCES.items()
    }
    return Rules(fresh, settings.RATE_MIN_SOURCES, settings.RATE_DEVIATION_PERCENT, max_age)


def jump(price: Decimal, now: datetime, pair: Pair, before: Sequence[Rate]) -> str:
    """Why the price is suspect; empty: it is not. `before`: of the last RATE_JUMP_SECONDS, newest first."""
    if not before:
        return rates.jump(price, now, rates.latest(None, pair, now))
    trusted = [rate for rate in before if not rate.suspect]
    far = [rate for rate in trusted or before[-1:] if _apart(price, rate.price) > settings.RATE_JUMP_PERCENT]
    if trusted and not far:
        return ""
    together = list(takewhile(lambda rate: _apart(rate.price, price) <= settings.RATE_DEVIATION_PERCENT, before))
    if together and now - together[-1].observed_at >= timedelta(seconds=settings.RATE_CONFIRM_SECONDS):
        return ""
    last = (far or before)[0].price
    return f"moved from {last.normalize():f} to {price.normalize():f}, and nothing has confirmed it yet"


def _words(pairs: Collection[Pair]) -> Iterable[tuple[Pair, Word]]:
    left_out = set(Feed.objects.filter(left_out_since__isnull=False).values_list("name", flat=True))
    names = [name for name in settings.RATE_SOURCES if name not in left_out]
    rows = Heard.objects.filter(source__in=names, asset_code__in={pair.asset_code for pair in pairs})
    for row in rows.order_by("source"):
        pair = Pair(row.asset_code, row.currency)
        yield pair, Word(row.source, row.price, row.observed_at, row.refused)


def _alone() -> bool:
    with connection.cursor() as sql:
        sql.execute("SELECT pg_try_advisory_xact_lock(%s, 0)", [_LOCK])
        return bool(sql.fetchone()[0])


def _recent(pairs: Collection[Pair], now: datetime) -> dict[Pair, list[Rate]]:
    """The platform's of the last RATE_JUMP_SECONDS, newest first; what was set by hand is not among them."""
    found: defaultdict[Pair, list[Rate]] = defaultdict(list)
    rows = Rate.objects.filter(
        book__isnull=True,
        asset_code__in={pair.asset_code for pair in pairs},
        currency__in={pair.currency for pair in pairs},
        observed_at__gt=now - timedelta(seconds=settings.RATE_JUMP_SECONDS),
        observed_at__lte=now,
    )
    for rate in rows.exclude(origin=Rate.Origin.MANUAL).order_by("-observed_at", "-pk"):
        found[Pair(rate.asset_code, rate.currency)].append(rate)
    return found


def _said(agreed: Agreement, before: Sequence[Rate]) -> bool:
    """Whether it stands on the very words that the newest median stands on: nobody has said anything since."""
    newest = before[0] if before else None
    return newest is not None and newest.parts == [part_json(part) for part in agreed.parts]


def _rate(agreed: Agreement, before: Sequence[Rate], now: datetime) -> Rate:
    assert agreed.price is not None  # noqa: S101 - chosen by it
    return Rate(
        asset_code=agreed.pair.asset_code,
        currency=agreed.pair.currency,
        price=agreed.price,
        source=_named(agreed.sources),
        origin=Rate.Origin.MEDIAN,
        observed_at=now,
        valid_until=agreed.good_until,
        suspect=jump(agreed.price, now, agreed.pair, before),
        parts=[part_json(part) for part in agreed.parts],
    )


def part_json(part: Part) -> dict[str, object]:
    """As a median keeps it, and the API shows it."""
    return {
        "source": part.source,
        "price": None if part.price is None else f"{part.price.normalize():f}",
        "observed_at": part.observed_at.isoformat(),
        "used": part.used,
        "why": part.why,
    }


def _named(sources: Sequence[str]) -> str:
    titles = [SOURCES[name].title if name in SOURCES else name for name in sources]
    text = titles[0] if len(titles) == 1 else f"median of {', '.join(titles)}"
    return text if len(text) <= _LONGEST_SOURCE else f"median of {len(titles)} sources"


def _apart(price: Decimal, other: Decimal) -> Decimal:
    """Percent of the other; the change up to ten times or down to a tenth is as large either way."""
    low, high = sorted((price, other))
    return (high - low) * 100 / low
