"""The seam between the monitor and a node: bytes or JSON in, frozen values out.

No database, no keys, no confirmations, no reorgs here: those are written once, in `monitor.follower` and
`monitor.confirmations`.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable


class NodeError(Exception):
    """The node did not give a usable answer. Nothing may be concluded from that: the chain's state does not advance.

    `permanent`: asking again will not help (wrong network, a version below the minimum); the chain halts.
    The text never holds the node's URL: it may carry a password, or a provider's key in its path.
    """

    code = "node_error"

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


@dataclass(frozen=True, slots=True)
class BlockRef:
    """A block's place and name. Hashes are lower-case hex as the chain's own tools print them."""

    height: int
    hash: str


@dataclass(frozen=True, slots=True)
class Tip:
    """The node's best block, its time, and, where the chain itself finalises, the height of its last final block.

    `final_height` is None where the chain does not finalise or the node cannot say: then nothing is final.
    """

    ref: BlockRef
    time: datetime
    final_height: int | None = None


@dataclass(frozen=True, slots=True)
class Transfer:
    """Coins that reached one destination in one transaction.

    `key` is what the chain makes unique (UTXO: "txid:vout"; EVM: the transaction hash); a replay finds the same.
    """

    key: str
    txid: str
    destination: bytes
    """Script bytes on UTXO chains, the 20-byte address on EVM chains; what `WatchedAddress.destination` holds."""
    base_units: int
    maturity_blocks: int = 0
    """Coinbase and pegged-out outputs count only that deep."""
    contract: str = ""
    """Token contract; empty: the chain's own coin."""
    sender: str = ""
    """The account that paid, and what it wrote, where payers share an address and a person tells them apart."""
    memo: str = ""


@dataclass(frozen=True, slots=True)
class Parked:
    """A transaction of a block that its connector could not read, while all else of the block is proved.

    The follower sets it aside for a person and reads on: no transaction may stall a chain, and none is skipped in
    silence. What the block itself is made of (header, merkle root, receipts' block) is never parked: that fails whole.
    """

    txid: str
    reason: str
    raw: bytes = b""
    """As the node gave it, where that is short."""


class Block(Protocol):
    """A parsed block. Transfers are built only for destinations somebody watches: work per block, not per address.

    All input is done and all proof given when a connector returns it: these methods neither ask the node nor fail.
    """

    @property
    def ref(self) -> BlockRef: ...
    @property
    def parent_hash(self) -> str: ...
    @property
    def time(self) -> datetime: ...
    @property
    def parked(self) -> Sequence[Parked]:
        """Transactions of which not all could be read, mostly none; what could not is not among the transfers."""

    def destinations(self) -> AbstractSet[bytes]:
        """Every destination paid in this block."""

    def transfers_to(self, watched: AbstractSet[bytes]) -> list[Transfer]:
        """Transfers to those destinations, in the block's order."""

    def txids(self) -> AbstractSet[str]:
        """What took effect in this block, whoever is paid: asked only while somebody watches a transaction."""


class Transfers(Protocol):
    """Unconfirmed transfers that the follower has not looked at yet."""

    @property
    def inspected(self) -> AbstractSet[str]:
        """Ids of the transactions read for this answer: the follower adds them to what it knows."""

    def destinations(self) -> AbstractSet[bytes]: ...
    def transfers_to(self, watched: AbstractSet[bytes]) -> list[Transfer]: ...


class Connector(Protocol):
    """One node of one chain. Every method raises `NodeError` and nothing else."""

    def check(self) -> None:
        """Right genesis or chain id, and a version not below the chain's minimum; else a permanent `NodeError`."""

    def tip(self) -> Tip: ...
    def hash_at(self, height: int) -> str | None:
        """Hash of the active chain's block at that height; None above the tip."""

    def block(self, height: int) -> Block:
        """The active chain's block at that height."""

    def mempool(self, known: AbstractSet[str]) -> Transfers:
        """Unconfirmed transactions without those in `known`, so many that one call stays short; ask again for the rest.

        Advice, never money, and not complete: absence here says nothing.
        """

    def waiting(self, txids: AbstractSet[str]) -> AbstractSet[str]:
        """Of these transactions, those the node still holds unconfirmed. The others were mined, replaced or dropped."""


@dataclass(frozen=True, slots=True)
class Ours:
    """What the database knows of a block that was read: asked for as it is needed."""

    watched: AbstractSet[bytes]
    """Of the block's destinations."""
    polled: Callable[[], Sequence[bytes]]
    """Destinations whose balances are worth looking at: given out lately."""
    recorded: Callable[[], Mapping[str, bytes]]
    """Key and destination of deposits of the chain's own coin that were found in this very block before."""


@runtime_checkable
class Examiner(Protocol):
    """A connector that asks its node once more about a block when it is known who in it is watched.

    Before the block is taken in, and outside any transaction. Raises `NodeError` and nothing else.
    """

    def examine(self, block: Block, ours: Ours) -> Block:
        """The same block without the transfers to us that cannot be proved, which are parked, and with those that only
        balances tell."""
