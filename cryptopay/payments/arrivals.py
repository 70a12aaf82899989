"""Where what arrived stands: a payment to an invoice, a credit to a customer, a receipt of nobody knows whom.

All move alike, with the chain.
"""

from cryptopay.payments.errors import IntakeOutOfStep
from cryptopay.payments.models import Credit, Payment, UnassignedReceipt

Arrival = Payment | Credit | UnassignedReceipt


def expect(arrival: Arrival, *states: Payment.State) -> None:
    """Raises `IntakeOutOfStep`."""
    if arrival.state not in states:
        raise IntakeOutOfStep(f"{arrival} is {arrival.state}, not {' or '.join(states)}")


def move(arrival: Arrival, state: Payment.State, **entries: int | None) -> None:
    """To that state, with the entries that go with it; stored when the commit's rows are."""
    arrival.state = state
    for name, value in entries.items():
        setattr(arrival, name, value)
