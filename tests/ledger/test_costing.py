"""What leaves costs what came in: the arithmetic alone, on a shelf of lists."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from random import Random

import pytest

from ledger.costing import Counting, Move, OpenLot, Pool, Take, share

START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Lists:
    lots: list[OpenLot] = field(default_factory=list)
    takes: list[Take] = field(default_factory=list)
    moves: dict[int, tuple[int, int]] = field(default_factory=dict)

    def oldest(self, limit: int) -> Sequence[OpenLot]:
        return sorted((lot for lot in self.lots if lot.left_quantity), key=lambda lot: lot.acquired_at)[:limit]

    def opened_by(self, entry: int) -> Sequence[OpenLot]:
        return [lot for lot in reversed(self.lots) if lot.entry == entry and lot.left_quantity]

    def taken_by(self, entry: int) -> Sequence[Take]:
        return [take for take in self.takes if take.entry == entry and take.value is not None]

    def moved_by(self, entry: int) -> tuple[int, int] | None:
        return self.moves.get(entry)

    def add(self, lot: OpenLot) -> None:
        self.lots.append(lot)

    def change(self, lot: OpenLot) -> None:
        """It is the same object."""

    def take(self, take: Take) -> None:
        self.takes.append(take)


class Card:
    """A pool, and the gains of its movements one after the other."""

    def __init__(self, *, by_lots: bool = True) -> None:
        self.shelf = Lists()
        self.pool = Pool(self.shelf, counting=Counting.LOTS if by_lots else Counting.AVERAGE)
        self.values = self.gains = 0
        self.entry = 0

    def move(self, quantity: int, value: int, reverses: int | None = None) -> int:
        self.entry += 1
        move = Move(self.entry, START + timedelta(hours=self.entry), quantity, value, reverses)
        cost = self.pool.move(move)
        self.shelf.moves[self.entry] = (quantity, cost)
        self.values += value
        self.gains += cost - value
        return cost - value

    def left(self) -> list[tuple[int, int]]:
        return [(lot.left_quantity, lot.left_cost) for lot in self.shelf.oldest(99)]


@pytest.mark.parametrize(
    ("whole", "part", "of", "is_"),
    [(100, 1, 3, 33), (100, 2, 3, 67), (5, 1, 2, 3), (-5, 1, 2, -3), (-5, -1, -2, -3), (0, 1, 2, 0), (7, 0, 2, 0)],
)
def test_a_share_is_rounded_half_away_from_zero(whole: int, part: int, of: int, is_: int) -> None:
    assert share(whole, part, of) == is_


def test_the_oldest_lots_leave_first_and_the_last_slice_takes_the_rest() -> None:
    card = Card()
    assert card.move(3, 100) == 0
    assert card.move(5, 500) == 0
    assert card.move(-1, -50) == 50 - 33
    assert card.move(-1, -50) == 50 - 34
    assert card.move(-2, -140) == 140 - (33 + 100)
    assert card.left() == [(4, 400)]
    assert [(take.quantity, take.cost, take.value) for take in card.shelf.takes[2:]] == [(1, 33, 70), (1, 100, 70)]


def test_the_average_takes_a_part_of_all() -> None:
    card = Card(by_lots=False)
    card.move(1, 100)
    card.move(1, 300)
    assert card.move(-1, -250) == 50
    assert (card.pool.quantity, card.pool.cost) == (1, 200)
    assert card.move(-1, -150) == -50
    assert (card.pool.quantity, card.pool.cost) == (0, 0)


def test_what_is_owed_gains_when_it_is_settled_for_less() -> None:
    card = Card(by_lots=False)
    card.move(-10, -1000)
    assert card.move(4, 300) == 100
    assert card.move(6, 900) == -300


@pytest.mark.parametrize("by_lots", [True, False])
def test_more_leaves_than_there_is_and_comes_back(by_lots: bool) -> None:
    card = Card(by_lots=by_lots)
    card.move(2, 200)
    assert card.move(-5, -1000) == 200
    assert (card.pool.quantity, card.pool.cost) == (-3, -600)
    assert card.move(4, 1200) == 600 - 900
    assert (card.pool.quantity, card.pool.cost) == (1, 300)


def test_a_reversed_receipt_takes_its_own_coins_though_others_are_older() -> None:
    card = Card()
    card.move(5, 500)
    card.move(5, 900)
    assert card.move(-5, -900, reverses=2) == 0
    assert card.left() == [(5, 500)]


def test_a_reversed_receipt_whose_coins_are_gone_takes_the_oldest_that_are_left() -> None:
    card = Card()
    card.move(2, 200)
    card.move(-2, -400)
    card.move(2, 900)
    assert card.move(-2, -200, reverses=1) == -700
    assert card.left() == []


def test_a_reversed_payout_puts_its_coins_back_with_their_cost_and_age() -> None:
    card = Card()
    card.move(2, 200)
    card.move(2, 600)
    assert card.move(-3, -1500) == 1500 - 500
    assert card.move(3, 1500, reverses=3) == -1000
    assert card.left() == [(2, 200), (1, 300), (1, 300)]
    assert card.move(-2, -1000) == 800, "the oldest are the oldest again"


@pytest.mark.parametrize("by_lots", [True, False])
def test_the_average_gives_back_what_it_took(by_lots: bool) -> None:
    card = Card(by_lots=by_lots)
    card.move(1, 100)
    card.move(1, 301)
    gain = card.move(-1, -500)
    card.move(1, 700)
    assert card.move(1, 500, reverses=3) == -gain
    assert (card.pool.quantity, card.pool.cost) == (3, 1101)


def test_a_heap_becomes_a_lot_and_lots_become_a_heap() -> None:
    card = Card()
    card.move(1, 100)
    card.move(1, 300)
    card.pool.count_by_average(Move(9, START + timedelta(days=9), -1, -250))
    assert card.left() == []
    assert card.move(-1, -250) == 50
    card.pool.count_by_lots(Move(10, START + timedelta(days=10), -1, -250))
    assert card.left() == [(1, 200)]
    assert card.move(-1, -250) == 50


@pytest.mark.parametrize("by_lots", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_cost_is_never_lost_or_made(by_lots: bool, seed: int) -> None:
    """Whatever happens: values and gains are the cost, lots are the pool, and a pool of nothing costs nothing."""
    chance, card, done = Random(seed), Card(by_lots=by_lots), list[tuple[int, int, int]]()
    for _ in range(400):
        if done and chance.random() < 0.1:
            entry, quantity, value = done.pop(chance.randrange(len(done)))
            card.move(-quantity, -value, reverses=entry)
        else:
            quantity = chance.choice([chance.randint(1, 50), -chance.randint(1, 40)])
            value = quantity * chance.randint(50, 150) // 7
            card.move(quantity, value)
            done.append((card.entry, quantity, value))
        assert card.pool.cost == card.values + card.gains
        assert card.pool.quantity or not card.pool.cost
        if by_lots:
            assert sum(left for left, _ in card.left()) == card.pool.quantity
            assert sum(cost for _, cost in card.left()) == card.pool.cost
            for lot in card.shelf.lots:
                exact = Fraction(lot.cost * lot.left_quantity, lot.quantity)
                assert abs(exact - lot.left_cost) <= Fraction(1, 2), "no slice is off by more than half a cent"


def test_what_came_as_the_heap_became_a_lot_is_taken_back_itself() -> None:
    card = Card(by_lots=False)
    card.move(10, 100)
    card.pool.count_by_lots(Move(2, START + timedelta(hours=2), 10, 300))
    card.move(10, 300)
    assert card.move(-10, -300, reverses=2) == 0
    assert card.left() == [(10, 100)]


def test_what_left_by_the_average_comes_back_by_lots_at_the_cost_it_had() -> None:
    card = Card(by_lots=False)
    card.move(20, 400)
    assert card.move(-10, -300) == 100
    card.pool.count_by_lots(Move(3, START + timedelta(hours=3), 1, 20))
    card.move(1, 20)
    assert card.move(10, 300, reverses=2) == -100
    assert card.left() == [(10, 200), (1, 20), (10, 200)]
    assert (card.pool.quantity, card.pool.cost) == (21, 420)
