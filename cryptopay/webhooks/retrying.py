"""When a delivery is tried again."""

import secrets
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_HOURS = 3600
SCHEDULE_SECONDS = (0, 5, 300, 1800, *(hours * _HOURS for hours in (2, 5, 10, 14, 20, 24)))
"""Before the first attempt, the second, and so on (Standard Webhooks)."""
LONGEST_RETRY_AFTER = timedelta(hours=24)
_JITTER_PERCENT = 10


def delay(attempts: int, retry_after: str, now: datetime) -> timedelta | None:
    """How long to wait after that many failed attempts; None: give up.

    The schedule is stretched by up to a tenth, so that receivers coming back are not met by everybody at once. A
    `Retry-After` (RFC 9110, section 10.2.3) can lengthen it, up to 24 hours, and never shortens it.
    """
    if attempts >= len(SCHEDULE_SECONDS):
        return None
    stretch = secrets.randbelow(_JITTER_PERCENT * 100 + 1)
    scheduled = timedelta(seconds=SCHEDULE_SECONDS[attempts]) * (10_000 + stretch) / 10_000
    return max(scheduled, min(_asked_for(retry_after, now), LONGEST_RETRY_AFTER))


def _asked_for(retry_after: str, now: datetime) -> timedelta:
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=int(text[:9]))
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return timedelta(0)
    return moment.replace(tzinfo=moment.tzinfo or UTC) - now
