"""The second person's word. Who asks does not decide; a proposal is decided once.

An approval carries out what was asked in its own commit. What can no longer be carried out, because the period was
closed meanwhile or the money is gone, is refused with the ledger's error that says why, and stays open to be refused.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from django.db import transaction
from django.db.models import QuerySet

from ledger import asking, manual, periods, pricing
from ledger.errors import AlreadyDecided, SecondPersonNeeded
from ledger.journal import ledger_errors
from ledger.models import Decision, Proposal

_CARRIED_OUT: Mapping[str, Callable[[Proposal, str], int | None]] = MappingProxyType(
    {
        Proposal.Kind.ENTRY: manual.write_entry,
        Proposal.Kind.REVERSAL: manual.write_reversal,
        Proposal.Kind.CLOSE: periods.change,
        Proposal.Kind.REOPEN: periods.change,
        Proposal.Kind.PRICE: pricing.write_price,
    }
)


def waiting(proposals: QuerySet[Proposal]) -> QuerySet[Proposal]:
    """Those that nobody has decided yet."""
    return proposals.filter(decision=None)


def approve(proposal: Proposal, *, by: str, reason: str = "") -> Decision:
    """Carry it out. Raises `SecondPersonNeeded`, `AlreadyDecided`, and what the verb raises; then nothing was written
    and the proposal waits on."""
    with transaction.atomic():
        _take(proposal, by)
        entry_id = _CARRIED_OUT[proposal.kind](proposal, by)
        return _decide(proposal, Decision.Verdict.APPROVED, by, reason.strip(), entry_id)


def refuse(proposal: Proposal, *, by: str, reason: str) -> Decision:
    """It will never be carried out. Raises `SecondPersonNeeded`, `AlreadyDecided`, `ReasonMissing`."""
    with transaction.atomic():
        _take(proposal, by)
        return _decide(proposal, Decision.Verdict.REFUSED, by, asking.given(reason))


def _take(proposal: Proposal, by: str) -> None:
    if asking.same_person(proposal.asked_by, asking.named(by)):
        raise SecondPersonNeeded("who asks does not decide")
    asking.alone(proposal.book_id)
    decided = Decision.objects.filter(book_id=proposal.book_id, proposal=proposal).first()
    if decided is not None:
        raise AlreadyDecided(f"{decided.get_verdict_display().lower()} by {decided.decided_by} before")


def _decide(
    proposal: Proposal, verdict: Decision.Verdict, by: str, reason: str, entry_id: int | None = None
) -> Decision:
    with ledger_errors():
        return Decision.objects.create(
            book_id=proposal.book_id,
            proposal=proposal,
            verdict=verdict,
            reason=reason,
            decided_by=by,
            entry_id=entry_id,
        )
