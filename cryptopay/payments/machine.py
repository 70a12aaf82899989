"""The invoice's states, as a table. Pure: facts in, states out; `lifecycle` acts on them.

new ----------> processing    what was seen, unconfirmed counted, suffices
new ----------> expired       its deadline passed
processing ---> settled       what is confirmed suffices
processing ---> new           a replaced or double-spent transaction dropped it below what is due
processing ---> invalid       still unconfirmed when monitoring ends
settled ------> processing    a reorg took a payment back
expired ------> processing    a payment made in time was found late, or came back after a reorg
invalid ------> settled       it was confirmed after all

By hand, with a reason, from where `BY_HAND` says:

new ----------> cancelled     nothing was seen for it. What comes later is the customer's, and told
any ----------> settled       somebody answers for it, whatever the chains say; so it stays until it is marked again
any ----------> invalid       somebody gives it up; what was paid is the customer's
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import TypeAlias

import msgspec

from cryptopay.payments.models import Invoice

Status: TypeAlias = Invoice.Status
Exceptional: TypeAlias = Invoice.Exceptional


class Facts(msgspec.Struct, frozen=True):
    """What is known of an invoice. Shares are of the whole due amount, over all methods: 1 is exactly paid."""

    seen: Fraction
    """Paid in time, unconfirmed counted."""
    confirmed: Fraction
    needed: Fraction
    """1 less the tolerance."""
    paid_late: bool
    deadline_passed: bool
    monitoring_over: bool
    paid_other: bool = False
    """In a coin that no method of the invoice asks for."""
    marked: bool = False
    """By hand: the chains decide no more."""


@dataclass(frozen=True, slots=True)
class Edge:
    """From one status to the next, if the facts say so."""

    origin: Status
    target: Status
    holds: Callable[[Facts], bool]


def _seen_enough(facts: Facts) -> bool:
    return facts.seen >= facts.needed


def _confirmed_enough(facts: Facts) -> bool:
    return facts.confirmed >= facts.needed


EDGES = (
    Edge(Status.NEW, Status.PROCESSING, _seen_enough),
    Edge(Status.NEW, Status.EXPIRED, lambda facts: facts.deadline_passed),
    Edge(Status.PROCESSING, Status.SETTLED, _confirmed_enough),
    Edge(Status.PROCESSING, Status.NEW, lambda facts: not _seen_enough(facts)),
    Edge(Status.PROCESSING, Status.INVALID, lambda facts: facts.monitoring_over),
    Edge(Status.SETTLED, Status.PROCESSING, lambda facts: not _confirmed_enough(facts)),
    Edge(Status.EXPIRED, Status.PROCESSING, _seen_enough),
    Edge(Status.INVALID, Status.SETTLED, _confirmed_enough),
)

BY_HAND: Mapping[Status, frozenset[Status]] = MappingProxyType(
    {
        Status.CANCELLED: frozenset({Status.NEW}),
        Status.SETTLED: frozenset(Status) - {Status.SETTLED},
        Status.INVALID: frozenset(Status) - {Status.INVALID, Status.CANCELLED},
    }
)
"""Where a person may take an invoice, and from where."""


def path(status: Status, facts: Facts) -> list[Status]:
    """The states passed through, in order, until no edge applies. Empty: nothing changes."""
    if facts.marked:
        return []
    passed: list[Status] = []
    while (target := _next(status, facts)) is not None:
        status = target
        passed.append(target)
    return passed


def exception(facts: Facts) -> Exceptional:
    """The second word: what is out of the ordinary."""
    if facts.marked:
        return Exceptional.MARKED
    if facts.paid_late:
        return Exceptional.PAID_LATE
    if facts.seen > 1:
        return Exceptional.PAID_OVER
    if 0 < facts.seen < facts.needed:
        return Exceptional.PAID_PARTIAL
    if facts.paid_other:
        return Exceptional.PAID_OTHER
    return Exceptional.NONE


def _next(status: Status, facts: Facts) -> Status | None:
    return next((edge.target for edge in EDGES if edge.origin == status and edge.holds(facts)), None)
