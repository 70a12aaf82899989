"""What a node tells of the transactions that wait: a seam beside `base.Connector`, for the families whose payers bid.

Advice, never money: nobody books by it, and a chain is followed as well without it. Facts alone stand here; what is to
be expected of them is counted in `monitor.expectation`.

Fee rates are whole numbers: base units per 1,000 virtual bytes where payers bid by size (Bitcoin's family), wei per gas
where they bid by gas.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Band:
    """Waiting transactions that pay `fee_rate` or more, up to the next band's. `size`: virtual bytes, or gas."""

    fee_rate: int
    size: int
    count: int


@dataclass(frozen=True, slots=True)
class PastBlock:
    """What it took to get into a block of late, where a base fee is asked (EIP-1559)."""

    base_fee: int
    tip: int
    """What one of its cheaper transactions gave the proposer beyond the base fee: its tenth percentile by gas."""
    full: bool
    """No more would have fitted: those who gave less stayed out."""


@dataclass(frozen=True, slots=True)
class Queue:
    """The fee queue as the node sees it."""

    bands: tuple[Band, ...]
    """Cheapest first; none stands twice."""
    least_fee_rate: int
    """The node forgets who pays less, or the next block does not take them."""
    block_size: int
    """In the bands' unit; 0: not known."""
    estimates: tuple[tuple[int, int], ...] = ()
    """Blocks, and the fee rate at which the node has seen transactions mined within so many."""
    past: tuple[PastBlock, ...] = ()
    """Oldest first."""
    waiting: int = 0
    """Transactions in all; more than the bands count where the node was asked for a sample only."""

    @property
    def sampled(self) -> bool:
        return self.waiting > sum(band.count for band in self.bands)


@dataclass(frozen=True, slots=True)
class Standing:
    """How one transaction stands in the queue."""

    fee_rate: int
    """With the unconfirmed transactions it needs, and those that pay for it. Where a base fee is asked: at most."""
    tip: int | None = None
    """The most it gives beyond the base fee, where one is asked."""
    replaceable: bool | None = None
    """It says itself that it may be replaced (BIP-125). None: the chain has no such word."""
    spends: tuple[str, ...] = ()
    """What only one transaction can use up: outputs ("txid:vout") or a sender's next number ("0xsender/nonce").

    The names are the connector's own, to be asked after by `spenders`."""
    waits_for_earlier: bool = False
    """The node lacks an earlier transaction of the same sender; this one cannot be mined before that comes."""


class FeeQueue(Protocol):
    """One node's fee queue. Every method raises `NodeError` and nothing else."""

    def queue(self) -> Queue:
        """The queue now: a bounded number of questions, however many wait."""

    def standing(self, txids: AbstractSet[str]) -> Mapping[str, Standing]:
        """Of these transactions, those that wait at the node."""

    def spenders(self, spends: AbstractSet[str]) -> Mapping[str, str]:
        """Of these, what is used up, and the transaction that does it; empty where it is mined or not to be found."""
