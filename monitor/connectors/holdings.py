"""What a node itself says that our addresses hold: a seam beside `base.Connector`, for reconciliation.

It shares nothing with how deposits were found and booked, as far as a chain allows: balances and unspent outputs are
asked of the node's own state. Nothing is ever booked by it alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from monitor.connectors.base import BlockRef


class Way(StrEnum):
    """How much a node could tell."""

    BALANCES = "balances"
    """All that lies on our addresses, whoever sent it, less all that was spent."""
    KNOWN_OUTPUTS = "known_outputs"
    """Of the outputs that were booked, which are unspent: the node has no search by address."""
    RECEIPTS = "receipts"
    """What arrived, read anew with the view keys. What was spent only the spend keys could tell."""


@dataclass(frozen=True, slots=True)
class Known:
    """A deposit of the chain's own coin that was booked or is on its way: where a node cannot be asked by address."""

    key: str
    txid: str
    place: bytes


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of the node. `at` is the block that was read last; a node that knows the past answers as of it."""

    places: Sequence[bytes]
    contracts: Sequence[str]
    """Tokens beside the chain's own coin."""
    at: BlockRef
    known: Callable[[], Sequence[Known]]


@dataclass(frozen=True, slots=True)
class Held:
    """The answer, in base units by contract (empty: the chain's own coin) and place; what is not named holds nothing.

    It holds as of `ref`, or of some block from `first_height` up to it where the node could not be asked for one block.
    """

    base_units: Mapping[tuple[str, bytes], int]
    ref: BlockRef
    first_height: int
    way: Way = Way.BALANCES
    has_dust: bool = False
    """The node says sums: amounts too small to be credited are in them."""


class Holdings(Protocol):
    """One node of one chain. Raises `NodeError` and nothing else."""

    def place(self, destination: bytes) -> bytes:
        """Where coins for that destination lie: itself, or the account that many destinations share."""

    def held(self, asked: Asked) -> Held: ...
