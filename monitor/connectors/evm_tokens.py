"""Tokens (ERC-20): their `Transfer` logs, read strictly, and what the contracts themselves say of balances.

A log counts if it is of a contract on the operator's list, has exactly the three topics and the one word of data that
EIP-20 and the ABI give `Transfer(address indexed, address indexed, uint256)`, and stands in a successful transaction.
Whoever sends it, by whatever contract, is the same to us.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TypeAlias

from msgspec import Struct

from monitor.connectors.base import NodeError, Transfer
from monitor.connectors.jsonrpc import Call, JsonRpc, RpcRefused

TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
"""keccak256("Transfer(address,address,uint256)")"""
_TRANSFER_CALL = "0xa9059cbb"  # transfer(address,uint256)
_BALANCE_OF, _SYMBOL, _DECIMALS = "0x70a08231", "0x95d89b41", "0x313ce567"
_WORD = 64  # hexadecimal digits
_ADDRESS = 40  # the last digits of its word
_TOPICS = 3
_MOST_DECIMALS = 36
_is_word = re.compile(r"0x[0-9a-f]{64}").fullmatch
_is_address_word = re.compile(r"(?:0x)?0{24}[0-9a-f]{40}").fullmatch
_is_bytes = re.compile(r"0x(?:[0-9a-f]{2})*").fullmatch
_is_symbol = re.compile(r"[ -~]{1,32}").fullmatch

Holding: TypeAlias = tuple[str, bytes]
"""A contract and one who holds its token."""


class Log(Struct, rename="camel"):
    """Of a receipt. Its place among the receipt's logs is what we call its ordinal."""

    address: str
    topics: list[str]
    data: str
    block_hash: str | None = None
    transaction_hash: str | None = None
    removed: bool = False


@dataclass(frozen=True, slots=True)
class TokenMoves:
    """What one block moved of the listed tokens: what arrived, in order, and what left each holder."""

    arrived: tuple[Transfer, ...] = ()
    left: Counter[Holding] = field(default_factory=Counter)


def moves(block_hash: str, receipts: Iterable[tuple[str, Sequence[Log]]], contracts: AbstractSet[str]) -> TokenMoves:
    """From the logs of successful transactions, each by its hash. Raises `NodeError` for a log of another block."""
    arrived: list[Transfer] = []
    left: Counter[Holding] = Counter()
    for txid, logs in receipts:
        for ordinal, log in enumerate(logs):
            if log.block_hash != block_hash or log.transaction_hash != txid or log.removed:
                raise NodeError("a log belongs to another block or transaction: the chain changed meanwhile")
            contract = log.address.lower()
            if contract not in contracts or (read := _read(log)) is None:
                continue
            payer, payee, base_units = read
            left[contract, payer] += base_units
            key = _key(txid, ordinal, contract, payee, base_units)
            arrived.append(Transfer(key, txid, payee, base_units, contract=contract))
    return TokenMoves(tuple(arrived), left)


def expected(txid: str, to: str, data: str) -> Transfer | None:
    """What a waiting plain call of `transfer` to a listed contract will bring, if it succeeds and logs that first.

    Known by the same key once it is mined. Any other call is seen only then.
    """
    if len(data) != len(_TRANSFER_CALL) + 2 * _WORD or not data.startswith(_TRANSFER_CALL) or not _is_bytes(data):
        return None
    payee, base_units = data[-2 * _WORD : -_WORD], int(data[-_WORD:], 16)
    if not _is_address_word(payee) or not base_units:
        return None
    destination = bytes.fromhex(payee[-_ADDRESS:])
    return Transfer(_key(txid, 0, to, destination, base_units), txid, destination, base_units, contract=to)


def unproven(
    rpc: JsonRpc, block_hash: str, parent_hash: str, moved: TokenMoves, watched: AbstractSet[bytes]
) -> Mapping[Holding, str]:
    """Of the holdings in `watched` that gained, those whose balance did not grow by what the logs say, and why.

    Asked only for the few that are ours, at this very block and its parent (EIP-1898). A node that no longer keeps that
    state cannot answer; then the logs of a listed contract stand alone.
    """
    gained: Counter[Holding] = Counter()
    for transfer in moved.arrived:
        if transfer.destination in watched:
            gained[transfer.contract, transfer.destination] += transfer.base_units
    calls = [_balance_of(holding, place) for holding in gained for place in (parent_hash, block_hash)]
    answers = iter(list(rpc.each(calls, returns=str)))
    refuted = {}
    for holding, (before, after) in zip(gained, zip(answers, answers, strict=True), strict=True):
        if isinstance(before, RpcRefused) or isinstance(after, RpcRefused):
            if _keeps_state(rpc, holding[1], parent_hash):
                refuted[holding] = "its contract does not say the balance"
        elif (grown := _balance(after) - _balance(before)) != gained[holding] - moved.left[holding]:
            logged = gained[holding] - moved.left[holding]
            refuted[holding] = f"its logs say {logged} base units, the balance changed by {grown}"
    return refuted


def about(rpc: JsonRpc, contract: str) -> tuple[str, int]:
    """Symbol and decimals as the contract gives them, for a person to look at and pin; never read again.

    Raises `NodeError` if there is no such contract, or if it does not say them in a form that can be read.
    """
    symbol, decimals = (
        rpc.call("eth_call", {"to": contract, "data": asked}, "latest", returns=str) for asked in (_SYMBOL, _DECIMALS)
    )
    if not _is_bytes(symbol) or not _is_word(decimals):
        raise NodeError("the contract does not say its symbol and decimals as a token does")
    text, number = _text(bytes.fromhex(symbol[2:])), int(decimals, 16)
    if not _is_symbol(text) or number > _MOST_DECIMALS:
        raise NodeError("the contract's symbol or decimals cannot be those of a token")
    return text, number


def _read(log: Log) -> tuple[bytes, bytes, int] | None:
    """Payer, payee, base units; None where it is another event, or one in another form than EIP-20's."""
    if len(log.topics) != _TOPICS or log.topics[0] != TRANSFER or not _is_word(log.data):
        return None
    payer, payee = log.topics[1:]
    if not (_is_address_word(payer) and _is_address_word(payee)) or not (base_units := int(log.data, 16)):
        return None
    return bytes.fromhex(payer[-_ADDRESS:]), bytes.fromhex(payee[-_ADDRESS:]), base_units


def _key(txid: str, ordinal: int, contract: str, payee: bytes, base_units: int) -> str:
    """The same wherever a reorg puts the transaction, as long as it does the same there; what differs is another."""
    content = f"{contract}:{payee.hex()}:{base_units}".encode()
    return f"{txid}:{ordinal}:{hashlib.blake2b(content, digest_size=16).hexdigest()}"


def _balance_of(holding: Holding, block_hash: str) -> Call:
    contract, holder = holding
    data = _BALANCE_OF + holder.hex().rjust(_WORD, "0")
    return Call("eth_call", ({"to": contract, "data": data}, {"blockHash": block_hash}))


def _balance(answer: str | None) -> int:
    """A contract that was not there yet has said nothing: no balance. What is no word is no balance, either."""
    return int(answer, 16) if answer is not None and _is_word(answer) else 0


def _keeps_state(rpc: JsonRpc, holder: bytes, block_hash: str) -> bool:
    try:
        rpc.call("eth_getBalance", f"0x{holder.hex()}", {"blockHash": block_hash}, returns=str)
    except RpcRefused:
        return False
    return True


def _text(answer: bytes) -> str:
    """A string by the ABI; early tokens give 32 bytes, padded."""
    if len(answer) == _WORD // 2:
        return answer.rstrip(b"\0").decode("latin-1")
    length = int.from_bytes(answer[_WORD // 2 : _WORD])
    return answer[_WORD : _WORD + length].decode("latin-1")
