"""Closing the books where a test is about something else: reviewed by somebody who found nothing."""

from datetime import date
from typing import Any

from ledger.models import PeriodChange, PeriodReview


def reviewed(book_id: int, through: date, by: str = "Bob") -> PeriodReview:
    """As the page makes one when all its steps are done."""
    return PeriodReview.objects.create(book_id=book_id, through=through, findings={}, looked_by=by)


def change(book_id: int, through: date | None, **said: Any) -> PeriodChange:
    """The books are closed through that day, or opened again, without asking."""
    words = {"reason": "It is over", "asked_by": "alice", "approved_by": "bob"}
    review = reviewed(book_id, through) if through else None
    return PeriodChange.objects.create(book_id=book_id, closed_through=through, review=review, **(words | said))
