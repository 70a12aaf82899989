"""Asking one source, when it is due: every price is judged alike, the latest is remembered, a failure waits longer.

No HTTP inside a transaction. What a source tells of a pair is either a price or the reason why it is none.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

import httpx
import structlog
from django.conf import settings
from django.db.models import F, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from cryptopay.feeds import needed
from cryptopay.feeds.agreeing import median
from cryptopay.feeds.asking import Questions
from cryptopay.feeds.errors import SourceError
from cryptopay.feeds.models import Feed, Heard
from cryptopay.feeds.source import Source, Told
from cryptopay.feeds.sources import SOURCES
from ledger.rates import CLOCK_SKEW, LARGEST_PRICE

log = structlog.get_logger(__name__)

MOST_SPREAD_PERCENT = 10
"""A market whose bid and ask are further apart has no price."""
LONGEST_BACK_OFF_SECONDS = 3600
_LONGEST_NUMBER = 60


def fetch(name: str, transport: httpx.BaseTransport | None = None) -> None:
    """Ask the source if it is due. Whatever it answers, the next question is put off first."""
    source = SOURCES[name]
    if not _claim(source):
        return
    wanted = needed.asked_for(needed.public_pairs())
    try:
        with Questions(transport) as questions:
            told = list(source.tell(wanted, questions.ask))
    except SourceError as error:
        _note_failure(source, error)
        return
    _remember(source, told)
    _note_answer(source)


def judge(told: Told, now: datetime) -> tuple[Decimal | None, str]:
    """The middle of bid and ask; or None and why it is no price."""
    if told.told_at > now + CLOCK_SKEW:
        return None, f"it is told for the future: {told.told_at:%Y-%m-%d %H:%M} UTC"
    try:
        bid, ask = _number(told.bid), _number(told.ask)
    except ValueError as error:
        return None, str(error)
    if ask < bid:
        return None, f"the bid {bid} is above the ask {ask}"
    if (ask - bid) * 100 > bid * MOST_SPREAD_PERCENT:
        return None, f"bid {bid} and ask {ask} are more than {MOST_SPREAD_PERCENT}% apart"
    price = median([bid, ask])
    return (price, "") if price else (None, f"{bid} is too small to be a price")


def _number(value: str | Decimal) -> Decimal:
    """Raises `ValueError`: no number, none that is positive, or beyond what a rate may be."""
    try:
        number = Decimal(value) if len(str(value)) <= _LONGEST_NUMBER else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite() or not 0 < number < LARGEST_PRICE:
        raise ValueError(f"{str(value)[:30] or 'nothing'} is not a price")
    return number


def _claim(source: Source) -> bool:
    """Whether it is due, and nobody else asks it now."""
    now = timezone.now()
    Feed.objects.get_or_create(name=source.name, defaults={"next_at": now})
    due = Feed.objects.filter(name=source.name, next_at__lte=now)
    return due.update(next_at=now + timedelta(seconds=_interval(source))) > 0


def _interval(source: Source) -> int:
    seconds: int = max(settings.RATE_FETCH_SECONDS, source.least_seconds)
    return seconds


def _remember(source: Source, told: Iterable[Told]) -> None:
    now = timezone.now()
    words = {}
    for word in told:
        price, why = judge(word, now)
        if why:
            log.warning("feeds.price_refused", source=source.name, pair=str(word.pair), why=why)
        words[word.pair] = Heard(
            source=source.name,
            asset_code=word.pair.asset_code,
            currency=word.pair.currency,
            price=price,
            refused=why[:200],
            observed_at=min(word.told_at, now),
        )
    Heard.objects.bulk_create(
        words.values(),
        update_conflicts=True,
        unique_fields=["asset_code", "currency", "source"],
        update_fields=["price", "refused", "observed_at"],
    )


def _note_answer(source: Source) -> None:
    feed = Feed.objects.filter(name=source.name)
    if feed.filter(failures__gt=0).exists():
        log.info("feeds.source_answers_again", source=source.name)
    feed.update(answered_at=timezone.now(), failing_since=None, failures=0, failure="")


def _note_failure(source: Source, error: SourceError) -> None:
    """Twice as long each time, up to an hour, or as long as it asks for."""
    now = timezone.now()
    feed = Feed.objects.get(name=source.name)
    wait = min(_interval(source) * 2 ** min(feed.failures + 1, 12), max(LONGEST_BACK_OFF_SECONDS, source.least_seconds))
    log.warning("feeds.source_failed", source=source.name, failure=str(error), failures=feed.failures + 1)
    Feed.objects.filter(name=source.name).update(
        failures=F("failures") + 1,
        failure=str(error)[:300],
        failing_since=Coalesce("failing_since", Value(now)),
        next_at=now + timedelta(seconds=max(wait, error.retry_seconds)),
    )
