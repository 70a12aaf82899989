"""The days that people ask a page for. All days are UTC, as in the books."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.utils import timezone

EARLIEST, LATEST = 1970, 9999
"""Years; a day beside them has neighbours, too."""


@dataclass(frozen=True, slots=True)
class Span:
    """From `first` to `last`, both included."""

    first: date
    last: date


def today() -> date:
    return timezone.now().astimezone(UTC).date()


def begin_of(day: date) -> datetime:
    """Its first moment."""
    return datetime.combine(day, time.min, UTC)


def end_of(day: date) -> datetime:
    """The first moment behind it: what is of the day is before."""
    return begin_of(day + timedelta(days=1))


def last_moment_of(day: date) -> datetime:
    """Its last second: when a balance closes, and what is of the whole day is dated."""
    return end_of(day) - timedelta(seconds=1)


def day_of(text: str) -> date | None:
    """What a date field sent; None if it is no day that books could have."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if EARLIEST <= day.year < LATEST else None


def span_of(asked: Mapping[str, str], otherwise: Span) -> Span:
    """What `from` and `to` name; where one is missing or they are the wrong way round, the other default's."""
    last = day_of(asked.get("to", "")) or otherwise.last
    first = day_of(asked.get("from", "")) or min(otherwise.first, last)
    return Span(first, last) if first <= last else Span(last, first)


def this_month() -> Span:
    return Span(today().replace(day=1), today())


def offered(begin: date | None) -> list[tuple[str, Span]]:
    """The spans people look at; `begin` is the account's first day."""
    now, month = today(), this_month()
    before = month.first - timedelta(days=1)
    year = now.replace(month=1, day=1)
    spans = [
        ("This month", month),
        ("Last month", Span(before.replace(day=1), before)),
        ("This year", Span(year, now)),
        ("Last year", Span(year.replace(year=year.year - 1), year - timedelta(days=1))),
    ]
    return [*spans, ("Everything", Span(min(begin, now), now))] if begin else spans
