"""Transfers out of the traces of an Antelope chain: the pinned token's own record of its `transfer`, and nothing else.

One transfer stands three times in a trace: where the token's contract ran it, and where it told payer and payee of it
(`require_recipient`). A contract may forward such a notice to others, and any contract may have an action `transfer`
of its own; neither is a transfer. So only what `receiver == account == token contract` ran counts, inline calls
included, and its raw bytes are decoded here. Sources: the Antelope protocol's packing of name, asset and string; the
reference contract eosio.token.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

import msgspec
from msgspec import Struct

from monitor.chains import Chain
from monitor.connectors.base import NodeError, Parked, Transfer

_LETTERS = ".12345abcdefghijklmnopqrstuvwxyz"
_FIXED_BYTES = 32
"""Payer, payee, amount with its sign, symbol: eight bytes each. The memo follows."""
_EXECUTED, _TRANSFER = "executed", "transfer"
_KEY_DIGEST_CHARACTERS = 32
_PARKED_BYTES = 1024
_LONGEST_MEMO = 256
"""What the reference contract takes, in bytes."""
_is_txid = re.compile(r"[0-9a-f]{64}").fullmatch
_is_sequence = re.compile(r"[0-9]{1,20}").fullmatch


class Decoded(Struct):
    """An action as the node decodes it, where it was given the contract's interface; a second opinion, no more."""

    payer: str | None = msgspec.field(default=None, name="from")
    to: str | None = None
    quantity: str | None = None


class Action(Struct):
    """What one receiver saw of one action. Numbers above 32 bits come as text."""

    global_sequence: int | str
    receiver: str
    account: str
    action: str
    data: str
    params: msgspec.Raw = msgspec.Raw(b"")


class Transaction(Struct):
    """A transaction that a block holds, with all actions it ran. Only an executed one did anything."""

    id: str
    status: str
    actions: list[Action]


class Unreadable(Exception):
    """This transaction is not what the pinned contract can have run, or the node contradicts itself about it."""


@dataclass(frozen=True, slots=True)
class TokenTransfer:
    """A transfer of the chain's own coin to an account. `memo` is None where its bytes are not one string and no more:
    the contract does not mind such bytes, and the coins moved.
    """

    key: str
    txid: str
    payer: str
    account: bytes
    memo: bytes | None
    base_units: int

    @property
    def destinations(self) -> tuple[bytes, ...]:
        """The most exact first: the account with that memo, then the account for whatever no memo was known of."""
        return (self.account + b"/" + self.memo, self.account) if self.memo else (self.account,)

    def to(self, destination: bytes) -> Transfer:
        shown = (self.memo or b"").decode(errors="replace").replace("\0", "\ufffd")[:_LONGEST_MEMO]
        return Transfer(self.key, self.txid, destination, self.base_units, sender=self.payer, memo=shown)


@dataclass(slots=True)
class Found:
    """What a block's transactions moved, and those of them that could not be read."""

    transfers: list[TokenTransfer] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)


def found_in(transactions: Iterable[Transaction], chain: Chain) -> Found:
    """The transfers in order. Raises `NodeError` where the block itself is contradictory."""
    found, sequences = Found(), set[int]()
    for transaction in transactions:
        if not _is_txid(transaction.id):
            raise NodeError("the node's answer is not a transaction id")
        if transaction.status != _EXECUTED:
            continue
        actions = [action for action in transaction.actions if _is_of_token(action, chain)]
        for action in actions:
            sequence = _sequence(action)
            if sequence in sequences:
                raise NodeError(f"the block lists action {sequence} twice")
            sequences.add(sequence)
        try:
            found.transfers += [one for action in actions if (one := _transfer(transaction.id, action, chain))]
        except Unreadable as reason:
            raw = " ".join(action.data for action in actions).encode()
            found.parked.append(Parked(transaction.id, str(reason), raw if len(raw) <= _PARKED_BYTES else b""))
    return found


def name(value: int) -> str:
    """Twelve letters of five bits and a thirteenth of four, from the highest bit down; dots at the end are none."""
    letters = [_LETTERS[value >> shift & 0x1F] for shift in range(59, 0, -5)]
    return "".join([*letters, _LETTERS[value & 0x0F]]).rstrip(".")


def _is_of_token(action: Action, chain: Chain) -> bool:
    return action.action == _TRANSFER and action.receiver == action.account == chain.coin_contract


def _sequence(action: Action) -> int:
    """Counts every action the chain has ever run."""
    if not _is_sequence(str(action.global_sequence)):
        raise NodeError("the node's answer is not the number of an action")
    return int(action.global_sequence)


def _transfer(txid: str, action: Action, chain: Chain) -> TokenTransfer | None:
    """None: of another symbol than the chain's coin, or to oneself. Raises `Unreadable`."""
    data = _bytes(action.data)
    if len(data) < _FIXED_BYTES:
        raise Unreadable("a transfer of the token is shorter than its amount")
    payer, to = (name(int.from_bytes(data[place : place + 8], "little")) for place in (0, 8))
    amount = int.from_bytes(data[16:24], "little", signed=True)
    decimals, code = data[24], data[25:_FIXED_BYTES]
    if (decimals, code) != (chain.native.decimals, chain.native.code.encode().ljust(7, b"\0")) or payer == to:
        return None
    if amount <= 0:
        raise Unreadable("a transfer of the token moves nothing")
    _compare(action.params, payer, to, _quantity(amount, chain))
    # The number alone would be taken by another action should the chain turn: bound to what the action says, it cannot.
    digest = sha256(bytes.fromhex(txid) + data).hexdigest()[:_KEY_DIGEST_CHARACTERS]
    return TokenTransfer(f"{_sequence(action)}:{digest}", txid, payer, to.encode(), _memo(data[_FIXED_BYTES:]), amount)


def _memo(packed: bytes) -> bytes | None:
    """The string that fills `packed` exactly, its length written as short as can be; else None."""
    length = shift = 0
    for place, byte in enumerate(packed[:2], 1):
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # noqa: PLR2004 - the highest bit says that another byte follows
            is_shortest = place == 1 or byte > 0
            return packed[place:] if is_shortest and len(packed) == place + length else None
    return None  # longer than 16,383 bytes, where the contract takes 256


def _compare(params: msgspec.Raw, payer: str, to: str, quantity: str) -> None:
    """The node was given an interface of its operator's choosing: where it decodes otherwise, one of us is wrong."""
    if not bytes(params):
        return
    try:
        theirs = msgspec.json.decode(params, type=Decoded | None)
    except msgspec.MsgspecError:
        raise Unreadable("the node decodes a transfer of the token as something else") from None
    ours = Decoded(payer, to, quantity)
    if theirs is not None and theirs not in (ours, Decoded()):
        raise Unreadable(f"the node decodes a transfer of {quantity} from {payer} to {to} otherwise")


def _quantity(amount: int, chain: Chain) -> str:
    whole, fraction = divmod(amount, 10**chain.native.decimals)
    return f"{whole}.{fraction:0{chain.native.decimals}} {chain.native.code}"


def _bytes(data: str) -> bytes:
    try:
        return bytes.fromhex(data)
    except ValueError:
        raise Unreadable("the node's answer is not an action's data") from None
