"""What leaves costs what came in: first in, first out, or the weighted average. Whole numbers only, no database.

A pool holds a quantity (base units) and its cost (minor units of the book's currency), both above zero where something
is owned, below where it is owed. What moves it the same way adds its value to the cost. What moves it the other way
takes a part of the cost along: of the oldest lots, or in proportion. Cost is never lost or made:

    gain = change of cost - value of the movement          cost of the pool = values so far + gains so far

A reversal gives back what its entry took, at the cost it had, and takes first what its entry brought.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from operator import attrgetter
from typing import Protocol


class Counting(Enum):
    """How a pool counts what leaves."""

    LOTS = "first in, first out"
    AVERAGE = "weighted average"
    VALUES = "at its own value"
    """Of accounts that hold nothing: income, expenses, equity. They gain nothing."""


LOTS_AT_HAND = 500
"""Of the oldest, so many are read at once: a pool of a million lots is never in memory."""


@dataclass(frozen=True, slots=True)
class Move:
    """What an entry does to a pool. `reverses`: the entry it takes back."""

    entry: int
    at: datetime
    quantity: int
    value: int
    reverses: int | None = None


@dataclass(slots=True)
class OpenLot:
    """Coins that came in together. `pk` is None until it is stored."""

    entry: int
    acquired_at: datetime
    opened_at: datetime
    quantity: int
    cost: int
    left_quantity: int
    left_cost: int
    pk: int | None = None


@dataclass(frozen=True, slots=True)
class Take:
    """A part of a lot that left, with its cost and what it was worth; None: it became a part of a heap."""

    lot: OpenLot
    entry: int
    at: datetime
    quantity: int
    cost: int
    value: int | None


class Shelf(Protocol):
    """Where lots lie. What is added or changed is found there again."""

    def oldest(self, limit: int) -> Sequence[OpenLot]: ...
    def opened_by(self, entry: int) -> Sequence[OpenLot]:
        """Newest first: an entry's own lot before the heap that became one as it came."""
        ...

    def taken_by(self, entry: int) -> Sequence[Take]: ...
    def moved_by(self, entry: int) -> tuple[int, int] | None:
        """Quantity and change of cost."""
        ...

    def add(self, lot: OpenLot) -> None: ...
    def change(self, lot: OpenLot) -> None: ...
    def take(self, take: Take) -> None: ...


@dataclass(slots=True)
class Pool:
    """What is counted together. `move` gives the change of its cost."""

    shelf: Shelf
    quantity: int = 0
    cost: int = 0
    counting: Counting = Counting.LOTS
    _at_hand: deque[OpenLot] = field(default_factory=deque)
    _all_at_hand: bool = False

    def move(self, move: Move) -> int:
        """In order of time. Invariant: a pool of nothing costs nothing, unless it counts values."""
        change = self._counted[self.counting](move)
        self.quantity += move.quantity
        self.cost += change
        return change

    def count_by_average(self, move: Move) -> None:
        """From this movement on: what lies in lots is one heap."""
        while (lot := self._oldest()) is not None:
            cost = lot.left_cost
            self._record(Take(lot, move.entry, move.at, lot.left_quantity, cost, None), 0, 0)
        self.counting = Counting.AVERAGE
        self._put_back()

    def count_by_lots(self, move: Move) -> None:
        """From this movement on: the heap is one lot, acquired now."""
        self.counting = Counting.LOTS
        self._put_back()
        if self.quantity:
            self._open(move, self.quantity, self.cost, move.at)

    @property
    def _counted(self) -> Mapping[Counting, Callable[[Move], int]]:
        return {
            Counting.LOTS: self._by_lots,
            Counting.AVERAGE: self._by_average,
            Counting.VALUES: attrgetter("value"),
        }

    def _by_lots(self, move: Move) -> int:
        slices = _Slices(move)
        before = self._taken_back(move, slices) if move.reverses is not None else 0
        change = before
        while slices.left and (lot := self._oldest()) is not None and (lot.left_quantity > 0) != (slices.left > 0):
            change -= self._take(lot, move, slices)
        if slices.left:
            quantity = slices.left
            cost = slices.next(quantity)
            self._open(move, quantity, cost, move.at)
            change += cost
        return change

    def _by_average(self, move: Move) -> int:
        after = self.quantity + move.quantity
        known = self.shelf.moved_by(move.reverses) if move.reverses is not None else None
        if known is not None and known[0] == -move.quantity and after and (self.cost - known[1]) * after >= 0:
            return -known[1]
        if self.quantity * move.quantity >= 0:
            return move.value
        if self.quantity * after > 0:
            return share(self.cost, after, self.quantity) - self.cost
        return move.value - share(move.value, self.quantity, -move.quantity) - self.cost

    def _taken_back(self, move: Move, slices: "_Slices") -> int:
        """The change of cost by what the reversed entry brought, and by what it took."""
        assert move.reverses is not None  # noqa: S101 - for the type checker
        change = 0
        self._put_back()
        for lot in self.shelf.opened_by(move.reverses):
            if slices.left and lot.left_quantity * slices.left < 0:
                change -= self._take(lot, move, slices)
        held = self.quantity + move.quantity - slices.left
        takes = self.shelf.taken_by(move.reverses)
        if not takes and held * slices.left >= 0:
            change += self._returned(move, slices)
        for take in takes:
            if abs(take.quantity) <= abs(slices.left) and take.quantity * slices.left > 0 and held * slices.left >= 0:
                slices.next(take.quantity)
                self._open(move, take.quantity, take.cost, take.lot.acquired_at)
                change += take.cost
        self._put_back()
        return change

    def _returned(self, move: Move, slices: "_Slices") -> int:
        """What left while the pool counted by the average was of no lot: it comes back at the cost it had."""
        assert move.reverses is not None  # noqa: S101 - for the type checker
        known = self.shelf.moved_by(move.reverses)
        if known is None or known[0] != -slices.left:
            return 0
        slices.next(slices.left)
        self._open(move, move.quantity, -known[1], move.at)
        return -known[1]

    def _oldest(self) -> OpenLot | None:
        while self._at_hand and not self._at_hand[0].left_quantity:
            self._at_hand.popleft()
        if not self._at_hand and not self._all_at_hand:
            self._at_hand.extend(self.shelf.oldest(LOTS_AT_HAND))
            self._all_at_hand = len(self._at_hand) < LOTS_AT_HAND
        return self._at_hand[0] if self._at_hand else None

    def _put_back(self) -> None:
        """The shelf is asked anew for the oldest."""
        self._at_hand.clear()
        self._all_at_hand = False

    def _open(self, move: Move, quantity: int, cost: int, acquired_at: datetime) -> None:
        lot = OpenLot(move.entry, acquired_at, move.at, quantity, cost, quantity, cost)
        self.shelf.add(lot)
        if self._all_at_hand:
            self._at_hand.append(lot)

    def _take(self, lot: OpenLot, move: Move, slices: "_Slices") -> int:
        """As much as there is, and is asked for; its cost."""
        quantity = lot.left_quantity if abs(lot.left_quantity) <= abs(slices.left) else -slices.left
        left = lot.left_quantity - quantity
        left_cost = share(lot.cost, left, lot.quantity)
        take = Take(lot, move.entry, move.at, quantity, lot.left_cost - left_cost, -slices.next(-quantity))
        self._record(take, left, left_cost)
        return take.cost

    def _record(self, take: Take, left_quantity: int, left_cost: int) -> None:
        take.lot.left_quantity, take.lot.left_cost = left_quantity, left_cost
        self.shelf.take(take)
        self.shelf.change(take.lot)


class _Slices:
    """A movement's value, given out with its quantity; together the slices are the value, exactly."""

    def __init__(self, move: Move) -> None:
        self._move = move
        self._value_left = move.value
        self.left = move.quantity

    def next(self, quantity: int) -> int:
        """The value of so much of it."""
        self.left -= quantity
        value_left = share(self._move.value, self.left, self._move.quantity)
        value, self._value_left = self._value_left - value_left, value_left
        return value


def share(whole: int, part: int, of: int) -> int:
    """`whole` * `part` / `of` in whole numbers, half away from zero."""
    product = whole * part
    rounded = (2 * abs(product) + abs(of)) // (2 * abs(of))
    return rounded if (product >= 0) == (of > 0) else -rounded
