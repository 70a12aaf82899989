"""What arrives at customers' own addresses: booked to the customer's account as payments are, with no sale after it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from cryptopay.payments import assets, entries
from cryptopay.payments.arrivals import expect, move
from cryptopay.payments.errors import IntakeOutOfStep
from cryptopay.payments.models import Credit, CustomerAddress, Payment
from monitor.models import ChainEvent

_State = Payment.State


def take_in(event: ChainEvent, address: CustomerAddress) -> None:
    """Book what happened to a deposit at that address. Raises `IntakeOutOfStep`."""
    _ACTIONS[ChainEvent.Kind(event.kind)](event, address)


def _seen(event: ChainEvent, address: CustomerAddress) -> None:
    asset = assets.of_deposit(event.deposit)
    entry_id = entries.seen(event, entries.deposit_of(address, asset))
    credit, made = Credit.objects.get_or_create(
        deposit=event.deposit,
        defaults={
            "book_id": event.book_id,
            "address": address,
            "asset": asset,
            "base_units": event.deposit.base_units,
            "pending_entry_id": entry_id,
        },
    )
    if not made:
        expect(credit, _State.DROPPED, _State.REVERSED)
        move(credit, _State.SEEN, pending_entry_id=entry_id, settled_entry_id=None)


def _confirmed(event: ChainEvent, address: CustomerAddress) -> None:
    credit = _credit(event, _State.SEEN)
    receipt = entries.deposit_of(address, credit.asset)
    move(credit, _State.CONFIRMED, settled_entry_id=entries.confirmed(event, receipt, credit.pending_entry_id))


def _dropped(event: ChainEvent, address: CustomerAddress) -> None:
    credit = _credit(event, _State.SEEN)
    entries.dropped(event, entries.deposit_of(address, credit.asset), credit.pending_entry_id)
    move(credit, _State.DROPPED)


def _taken_back(event: ChainEvent, address: CustomerAddress) -> None:
    credit = _credit(event, _State.CONFIRMED)
    assert credit.settled_entry_id is not None  # noqa: S101 - a confirmed one has it
    entries.taken_back(event, entries.deposit_of(address, credit.asset), credit.settled_entry_id)
    move(credit, _State.REVERSED)


_ACTIONS: Mapping[ChainEvent.Kind, Callable[[ChainEvent, CustomerAddress], None]] = MappingProxyType(
    {
        ChainEvent.Kind.SEEN: _seen,
        ChainEvent.Kind.CONFIRMED: _confirmed,
        ChainEvent.Kind.DROPPED: _dropped,
        ChainEvent.Kind.REORGED: _taken_back,
    }
)


def _credit(event: ChainEvent, state: Payment.State) -> Credit:
    credit = Credit.objects.select_related("asset").filter(deposit=event.deposit).first()
    if credit is None:
        raise IntakeOutOfStep(f"{event.kind} of a deposit that was never seen: {event.deposit.key}")
    expect(credit, state)
    return credit
