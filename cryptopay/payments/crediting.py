"""What arrives without an invoice: at a customer's own address it is the customer's, at a shared account with no known
memo it is in suspense. Booked as payments are, with no sale after it.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from cryptopay.payments import assets, entries
from cryptopay.payments.arrivals import expect, move
from cryptopay.payments.docket import Docket, Place
from cryptopay.payments.entries import Receipt
from cryptopay.payments.errors import IntakeOutOfStep
from cryptopay.payments.models import Credit, CustomerAddress, Payment, UnassignedReceipt
from ledger.models import Asset
from monitor.models import ChainEvent

_State = Payment.State


def take_in(event: ChainEvent, place: Place, docket: Docket) -> None:
    """Book what happened to a deposit there. Raises `IntakeOutOfStep`."""
    _ACTIONS[ChainEvent.Kind(event.kind)](event, place, docket)


def _seen(event: ChainEvent, place: Place, docket: Docket) -> None:
    asset = assets.of_deposit(event.deposit)
    entry_id = entries.seen(event, _receipt(place, asset))
    arrival = docket.receipt(event)
    if arrival is not None:
        expect(arrival, _State.DROPPED, _State.REVERSED)
        move(arrival, _State.SEEN, pending_entry_id=entry_id, settled_entry_id=None)
        return
    facts: dict[str, Any] = {
        "book_id": event.book_id,
        "asset": asset,
        "deposit": event.deposit,
        "base_units": event.deposit.base_units,
        "pending_entry_id": entry_id,
    }
    if isinstance(place, CustomerAddress):
        docket.add_receipt(Credit(**facts, address=place))
    else:
        docket.add_receipt(UnassignedReceipt(**facts, account=place))


def _confirmed(event: ChainEvent, place: Place, docket: Docket) -> None:
    arrival = _arrival(event, docket, _State.SEEN)
    receipt = _receipt(place, arrival.asset)
    move(arrival, _State.CONFIRMED, settled_entry_id=entries.confirmed(event, receipt, arrival.pending_entry_id))


def _dropped(event: ChainEvent, place: Place, docket: Docket) -> None:
    arrival = _arrival(event, docket, _State.SEEN)
    entries.dropped(event, _receipt(place, arrival.asset), arrival.pending_entry_id)
    move(arrival, _State.DROPPED)


def _taken_back(event: ChainEvent, place: Place, docket: Docket) -> None:
    arrival = _arrival(event, docket, _State.CONFIRMED)
    assert arrival.settled_entry_id is not None  # noqa: S101 - a confirmed one has it
    entries.taken_back(event, _receipt(place, arrival.asset), arrival.settled_entry_id)
    move(arrival, _State.REVERSED)


_ACTIONS: Mapping[ChainEvent.Kind, Callable[[ChainEvent, Place, Docket], None]] = MappingProxyType(
    {
        ChainEvent.Kind.SEEN: _seen,
        ChainEvent.Kind.CONFIRMED: _confirmed,
        ChainEvent.Kind.DROPPED: _dropped,
        ChainEvent.Kind.REORGED: _taken_back,
    }
)


def _receipt(place: Place, asset: Asset) -> Receipt:
    if isinstance(place, CustomerAddress):
        return entries.deposit_of(place, asset)
    return entries.unassigned_at(place, asset)


def _arrival(event: ChainEvent, docket: Docket, state: Payment.State) -> Credit | UnassignedReceipt:
    arrival = docket.receipt(event)
    if arrival is None:
        raise IntakeOutOfStep(f"{event.kind} of a deposit that was never seen: {event.deposit.key}")
    expect(arrival, state)
    return arrival
