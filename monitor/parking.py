"""Transactions that nobody can read or take in: set aside, told to a person, and never in the way of the others."""

from collections.abc import Sequence

import structlog
from django.db.models import CharField, Model, QuerySet
from django.utils import timezone

from ledger.money import LARGEST_BASE_UNITS
from monitor.chains import Chain
from monitor.connectors.base import BlockRef, Parked, Transfer
from monitor.errors import ReasonMissing
from monitor.models import Deposit, ParkedTransaction

log = structlog.get_logger(__name__)

MOST_RAW_BYTES = 100_000
_OPEN = ParkedTransaction.State.OPEN


def _longest(model: type[Model], name: str) -> int:
    field = model._meta.get_field(name)
    assert isinstance(field, CharField)  # noqa: S101 - of our own models
    return field.max_length or 0


_LONGEST_ID = _longest(ParkedTransaction, "txid")
_LONGEST = {name: _longest(Deposit, name) for name in ("key", "txid", "contract")}


def sorted_out(transfers: Sequence[Transfer]) -> tuple[list[Transfer], list[Parked]]:
    """Transfers that can be taken in, and transactions with one that no deposit can hold, whatever it means."""
    flaws = [_flaw(transfer) for transfer in transfers]
    pairs = list(zip(transfers, flaws, strict=True))
    fit = [transfer for transfer, flaw in pairs if not flaw]
    return fit, [Parked(transfer.txid, flaw) for transfer, flaw in pairs if flaw]


def park(chain: Chain, ref: BlockRef, parked: Sequence[Parked]) -> None:
    """Set these of that block aside. What a person has dismissed stays dismissed. Call it in the block's commit."""
    if not parked:
        return
    rows = [
        ParkedTransaction(
            chain_code=chain.code,
            height=ref.height,
            hash=ref.hash,
            txid=one.txid[:_LONGEST_ID],
            reason=one.reason[:300],
            raw=one.raw if len(one.raw) <= MOST_RAW_BYTES else b"",
        )
        for one in parked
    ]
    ParkedTransaction.objects.bulk_create(rows, ignore_conflicts=True)
    again = _of(chain, ref).filter(
        txid__in=[one.txid[:_LONGEST_ID] for one in parked],
        state__in=[ParkedTransaction.State.ORPHANED, ParkedTransaction.State.READ],
    )
    again.update(state=_OPEN, resolved_at=None)
    for one in parked:
        log.critical("transaction.parked", chain=chain.code, height=ref.height, txid=one.txid, reason=one.reason)


def release(chain: Chain, ref: BlockRef, parked: Sequence[Parked]) -> int:
    """That block was read once more; how many of it, which are not among these, need nobody any longer."""
    found = _of(chain, ref).filter(state=_OPEN).exclude(txid__in=[one.txid[:_LONGEST_ID] for one in parked])
    return found.update(state=ParkedTransaction.State.READ, resolved_at=timezone.now())


def unwind(chain: Chain, above_height: int) -> None:
    """The blocks above that height are no longer the chain's, nor what they held."""
    gone = ParkedTransaction.objects.filter(chain_code=chain.code, height__gt=above_height, state=_OPEN)
    gone.update(state=ParkedTransaction.State.ORPHANED, resolved_at=timezone.now())


def dismiss(chosen: QuerySet[ParkedTransaction], *, by: str, because: str) -> int:
    """A person has looked, and nothing is to be taken in; how many. Raises `ReasonMissing`."""
    if not because.strip():
        raise ReasonMissing("say why nothing is to be taken in")
    return chosen.filter(state=_OPEN).update(
        state=ParkedTransaction.State.DISMISSED,
        resolved_at=timezone.now(),
        resolved_by=by,
        resolved_because=because.strip()[:300],
    )


def _of(chain: Chain, ref: BlockRef) -> QuerySet[ParkedTransaction]:
    return ParkedTransaction.objects.filter(chain_code=chain.code, hash=ref.hash)


def _flaw(transfer: Transfer) -> str:
    if not 0 <= transfer.base_units <= LARGEST_BASE_UNITS:
        return "its amount is beyond what can be booked"
    too_long = [name for name, longest in _LONGEST.items() if len(getattr(transfer, name)) > longest]
    return f"its {too_long[0]} is longer than any known" if too_long else ""
