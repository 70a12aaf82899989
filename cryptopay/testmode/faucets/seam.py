"""What test mode asks of a development node, whatever its family: pay, mine, double-spend, turn the chain.

Only the node's own wallet spends, or a key that everybody knows: nothing here holds one that is worth anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Order:
    """One payment to be made. `destination` is as payers are shown it; accounts with a memo: "account/memo"."""

    destination: str
    base_units: int
    contract: str = ""
    """Of a token; empty: the chain's own coin."""
    fee_rate: Decimal | None = None
    """In the faucet's `fee_unit`; None: what the node thinks right."""


class Fate(StrEnum):
    """What becomes of the transactions of the blocks that a reorganisation takes back."""

    KEEP = "keep"
    """Mined again in the newest block."""
    WAIT = "wait"
    """Unconfirmed again."""
    DROP = "drop"
    """Gone, double-spent where the chain would otherwise remember them: the payer has the coins back."""


@dataclass(frozen=True, slots=True)
class Turned:
    """A reorganisation that was made: the new branch, lowest first, and where the transactions taken back are now."""

    blocks: Sequence[str]
    kept: Sequence[str]
    waiting: Sequence[str]
    dropped: Sequence[str]


class Faucet(Protocol):
    """One development node with coins to give. Every method raises `monitor.connectors.base.NodeError`, of which
    `RpcRefused` says that the node would not; and `UnavailableOnChain`.
    """

    fee_unit: str
    """What fee rates are counted in; empty: payers do not bid here."""
    takes_back: bool
    """Whether payments can be double-spent and blocks be taken back."""

    def height(self) -> int: ...
    def send(self, order: Order) -> str:
        """The transaction's id."""

    def mine(self, blocks: int = 1) -> list[str]:
        """Hashes, lowest first; unconfirmed transactions are in the first."""

    def replace(self, txid: str) -> str:
        """Double-spends an unconfirmed payment of this faucet's; the id of the transaction that drove it out."""

    def turn(self, depth: int, fate: Fate) -> Turned: ...
    def close(self) -> None: ...
