"""Closing the books through a day (UTC), and reopening them. Each takes two people and a reason.

Nothing is written into a closed period: the database refuses it, also to those who were writing while it closed.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime

from django.db.models import BigIntegerField, Exists, OuterRef, Q, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from ledger import asking, spans
from ledger.errors import PeriodAlreadyClosed, PeriodNotClosed, PeriodNotOver, ReviewMissing
from ledger.journal import ledger_errors
from ledger.models import Book, EntryPrice, JournalEntry, PeriodChange, PeriodReview, Posting, Proposal
from ledger.together import counted, fetched

Listener = Callable[[PeriodChange, date | None], object]
"""Is given the row that closed or reopened, and the day through which the books were closed before."""

_listeners: list[Listener] = []


@dataclass(frozen=True, slots=True)
class LooseEnds:
    """What an accountant looks at before closing; it hinders nobody. Numbers of entries effective in the period."""

    unconfirmed: int
    """Seen, and neither validated nor dropped. They will be validated in the period that is open then."""
    unpriced: int
    """Posted without a rate."""
    proposed: int
    """Asked, and not yet decided: they cannot be approved once the period is closed."""


def closed_through(book_id: int) -> date | None:
    """The last closed day (UTC); None: everything is open."""
    return PeriodChange.objects.filter(book_id=book_id).order_by("-pk").values_list("closed_through", flat=True).first()


def ask_to_close(book: Book, through: date, *, reason: str, by: str, review: PeriodReview) -> Proposal:
    """Propose to close the books through a day that is over and was reviewed.

    Raises `PeriodNotOver`, `PeriodAlreadyClosed`, `ReviewMissing`, `ReasonMissing`.
    """
    now = closed_through(book.pk)
    _refuse_to_close(now, through)
    if (review.book_id, review.through) != (book.pk, through):
        raise ReviewMissing(f"the books were not reviewed through {through}")
    contents = {**_days(now, through), **asdict(loose_ends(book, through)), "review": review.pk}
    return asking.ask(book.pk, Proposal.Kind.CLOSE, contents, reason=reason, by=by)


def ask_to_reopen(book: Book, through: date | None, *, reason: str, by: str) -> Proposal:
    """Propose that the books stay closed only through an earlier day, or not at all. Raises `PeriodNotClosed`,
    `ReasonMissing`."""
    now = closed_through(book.pk)
    _refuse_to_reopen(now, through)
    return asking.ask(book.pk, Proposal.Kind.REOPEN, _days(now, through), reason=reason, by=by)


def loose_ends(book: Book, through: date) -> LooseEnds:
    """What is unfinished from the first open day through that one."""
    since = closed_through(book.pk)
    period = Q(effective_at__lt=spans.end_of(through))
    if since is not None:
        period &= Q(effective_at__gte=spans.end_of(since))
    entries = JournalEntry.objects.filter(period, book=book)
    into = Proposal.Kind.ENTRY, Proposal.Kind.REVERSAL
    undecided = Proposal.objects.filter(book=book, decision=None)
    of_entry = Cast(KeyTextTransform("entry", "contents"), BigIntegerField())
    prices = undecided.filter(kind=Proposal.Kind.PRICE).values_list(of_entry, flat=True)
    unconfirmed, priceless, prices_waiting, moments = fetched(
        counted(_unconfirmed(entries)),
        counted(unpriced(entries)),
        counted(entries.filter(pk__in=prices)),
        undecided.filter(kind__in=into).values_list("contents__effective_at", flat=True),
    )
    return LooseEnds(
        unconfirmed=sum(unconfirmed),
        unpriced=sum(priceless),
        proposed=sum(prices_waiting)
        + sum(datetime.fromisoformat(moment).date() <= through for moment in moments if moment is not None),
    )


def unpriced(entries: QuerySet[JournalEntry]) -> QuerySet[JournalEntry]:
    """Of these, what moved coins in the ledger without a rate, and was given no price since; a book's own currency
    needs none.
    """
    coins = Posting.objects.filter(book=OuterRef("book"), entry=OuterRef("pk"), layer=Posting.Layer.POSTED)
    priceless = coins.exclude(asset__chain="", asset__contract=OuterRef("book__currency"))
    by_hand = EntryPrice.objects.filter(book=OuterRef("book"), entry=OuterRef("entry"), asset=OuterRef("asset"))
    kinds = [JournalEntry.Kind.POST, JournalEntry.Kind.SETTLE]
    return entries.filter(Exists(priceless.filter(~Exists(by_hand))), kind__in=kinds, rate=None)


def on_change(listener: Listener) -> Listener:
    """Have `listener` called in the commit that closes or reopens a period; what it raises undoes that."""
    if listener not in _listeners:
        _listeners.append(listener)
    return listener


def change(proposal: Proposal, by: str) -> None:
    """Carry out what was approved. For `ledger.proposals` alone; raises as asking did, for time has passed."""
    through = proposal.contents["closed_through"]
    day = date.fromisoformat(through) if through else None
    now = closed_through(proposal.book_id)
    if proposal.kind == Proposal.Kind.CLOSE and day is not None:
        _refuse_to_close(now, day)
    else:
        _refuse_to_reopen(now, day)
    with ledger_errors():
        row = PeriodChange.objects.create(
            book_id=proposal.book_id,
            closed_through=day,
            reason=proposal.reason,
            asked_by=proposal.asked_by,
            approved_by=by,
            review_id=proposal.contents.get("review"),
        )
    for listener in _listeners:
        listener(row, now)


def _refuse_to_close(now: date | None, through: date) -> None:
    if through >= spans.today():
        raise PeriodNotOver(f"{through} is not over")
    if now is not None and through <= now:
        raise PeriodAlreadyClosed(f"the books are closed through {now}")


def _refuse_to_reopen(now: date | None, through: date | None) -> None:
    if now is None:
        raise PeriodNotClosed("no period is closed")
    if through is not None and through >= now:
        raise PeriodNotClosed(f"the books are closed through {now} only")


def _days(now: date | None, through: date | None) -> dict[str, object]:
    return {
        "closed_through": through.isoformat() if through else None,
        "closed_before": now.isoformat() if now else None,
    }


def _unconfirmed(entries: QuerySet[JournalEntry]) -> QuerySet[JournalEntry]:
    resolved = JournalEntry.objects.filter(book=OuterRef("book"), ref=OuterRef("pk"))
    return entries.filter(~Exists(resolved), kind=JournalEntry.Kind.PENDING)
