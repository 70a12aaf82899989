"""EOS and its kin on nodeos: a rich account pays, signed by the one key that every development chain begins with.

Everybody knows that key, and what it signs names the development chain's id: on any other chain it means nothing.
Amounts are ints of base units: 1.0000 EOS are 10,000. Packing by the protocol's own tables (docs.eosnetwork.com,
"Transactions protocol").
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from coincurve import PrivateKey

from cryptopay.testmode.errors import UnavailableOnChain
from cryptopay.testmode.faucets.calls import Calls
from cryptopay.testmode.faucets.seam import Fate, Order, Turned
from keys.formats import base58
from keys.formats.hashes import ripemd160
from monitor.connectors.jsonrpc import RpcRefused

TOKEN, CODE, DECIMALS = "eosio.token", "EOS", 4
PAYER = "payer"
KEY = PrivateKey(base58.decode("5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79zkvFD3")[1:])
LETTERS = ".12345abcdefghijklmnopqrstuvwxyz"
_EXPIRES_SECONDS = 1800
_BLOCK_SECONDS = 60
"""Patience for one block, which is due every half second."""
_SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True)
class Action:
    """What an account does by a contract: `data` is packed as the contract's interface says."""

    contract: str
    name: str
    actor: str
    data: bytes


class AntelopeFaucet:
    """nodeos, with a token as EOS has it and a rich account that pays. It makes blocks only when it is told to."""

    fee_unit = ""
    takes_back = False

    def __init__(self, calls: Calls, chain_id: str) -> None:
        self._calls = calls
        self._chain_id = chain_id

    def rpc(self, path: str, **body: Any) -> Any:
        """Any call of the node's interface: `chain/get_info`. Raises `RpcRefused` with the node's error code."""
        answer = self._calls.ask(f"v1/{path}", body)
        error = answer.get("error") if isinstance(answer, dict) else None
        if isinstance(error, dict):
            details = "; ".join(detail["message"] for detail in error.get("details", [])) or answer.get("message", "")
            number = error.get("code") or answer.get("code") or 0
            raise RpcRefused(f"{path}: {details} ({number})", number)
        return answer

    def height(self) -> int:
        return int(self.rpc("chain/get_info")["head_block_num"])

    def send(self, order: Order) -> str:
        if order.fee_rate is not None:
            raise UnavailableOnChain("Payers of EOS do not bid for their turn.", "/fee_rate")
        return self.pay(order.destination, order.base_units)

    def replace(self, txid: str) -> str:
        raise UnavailableOnChain("A transaction of EOS is in a block at once: nothing waits to be replaced.")

    def turn(self, depth: int, fate: Fate) -> Turned:
        raise UnavailableOnChain("This development chain has one producer: its blocks are irreversible at once.")

    def pay(self, to: str, amount: int, *, memo: str = "", payer: str = PAYER) -> str:
        """Pays an address, "account/memo", or an account; the transaction's id."""
        account, _, code = to.partition("/")
        return self.push([transfer(payer, account, amount, memo or code)])

    def push(self, actions: Sequence[Action], *, delay_seconds: int = 0) -> str:
        """Sends them as one transaction, which is in the newest block then; its id. One delayed waits for its time.

        Raises `RpcRefused` where the chain refuses it.
        """
        txid, body = self.signed(actions, delay_seconds=delay_seconds)
        self.rpc("producer/resume")  # only a block in the making takes transactions; it is finished after the pause
        try:
            self.rpc("chain/send_transaction", **body)
        finally:
            self.rpc("producer/pause")
        self._wait_until(lambda: delay_seconds > 0 or self.is_in_a_block(txid), "took the transaction into no block")
        return txid

    def is_in_a_block(self, txid: str) -> bool:
        try:
            self.rpc("trace_api/get_transaction_trace", id=txid)
        except RpcRefused:
            return False
        return True

    def signed(self, actions: Sequence[Action], *, delay_seconds: int = 0) -> tuple[str, dict[str, Any]]:
        """The id and the body that `chain/send_transaction` takes."""
        info = self.rpc("chain/get_info")
        reference = bytes.fromhex(info["last_irreversible_block_id"])
        expires_at = int(time.time()) + _EXPIRES_SECONDS - secrets.randbelow(600)
        while True:
            header = expires_at.to_bytes(4, "little") + reference[3:1:-1] + reference[8:12]
            packed = header + b"\0\0" + _count(delay_seconds) + b"\0" + pack_list(actions, _pack_action) + b"\0"
            digest = hashlib.sha256(bytes.fromhex(self._chain_id) + packed + bytes(32)).digest()
            signature = KEY.sign_recoverable(digest, hasher=None)
            if _is_canonical(signature):
                break
            expires_at -= 1  # another message, another signature
        body = {"signatures": [_signature_text(signature)], "compression": 0, "packed_context_free_data": ""}
        return hashlib.sha256(packed).hexdigest(), {**body, "packed_trx": packed.hex()}

    def mine(self, blocks: int = 1) -> list[str]:
        """Makes that many blocks or, on a busy machine, some more; their ids, lowest first."""
        before = self.height()
        self.rpc("producer/resume")
        try:
            self._wait_until(lambda: self.height() >= before + blocks, "made no block", blocks)
        finally:
            self.rpc("producer/pause")
        return [self.block_id(height) for height in range(before + 1, self.height() + 1)]

    def block_id(self, height: int) -> str:
        return str(self.rpc("chain/get_block_info", block_num=height)["id"])

    def _wait_until(self, done: Callable[[], bool], what_failed: str, blocks: int = 1) -> None:
        deadline = time.monotonic() + _BLOCK_SECONDS * blocks
        while not done():
            if time.monotonic() > deadline:
                raise RpcRefused(f"nodeos {what_failed}: {self.rpc('chain/get_info')}", 0)
            time.sleep(0.02)

    def close(self) -> None:
        self._calls.close()


def transfer(
    payer: str,
    to: str,
    amount: int,
    memo: str = "",
    *,
    code: str = CODE,
    decimals: int = DECIMALS,
    contract: str = TOKEN,
) -> Action:
    """A transfer of that contract's token."""
    data = pack_name(payer) + pack_name(to) + pack_asset(amount, code, decimals) + counted(memo.encode())
    return Action(contract, "transfer", payer, data)


def pack_name(text: str) -> bytes:
    """Twelve letters of five bits and a thirteenth of four, from the highest bit down."""
    value = 0
    for position in range(13):
        letter = LETTERS.index(text[position]) if position < len(text) else 0
        value = value << 5 | letter if position < 12 else value << 4 | letter  # noqa: PLR2004 - as the docstring says
    return value.to_bytes(8, "little")


def pack_asset(amount: int, code: str, decimals: int) -> bytes:
    return amount.to_bytes(8, "little", signed=True) + bytes([decimals]) + code.encode().ljust(7, b"\0")


def _pack_action(action: Action) -> bytes:
    authorization = b"\1" + pack_name(action.actor) + pack_name("active")
    return pack_name(action.contract) + pack_name(action.name) + authorization + counted(action.data)


def pack_list(items: Iterable[Any], pack: Callable[[Any], bytes]) -> bytes:
    packed = [pack(item) for item in items]
    return _count(len(packed)) + b"".join(packed)


def counted(content: bytes) -> bytes:
    return _count(len(content)) + content


def _count(number: int) -> bytes:
    """Seven bits a byte, lowest first; the eighth says that more follow."""
    out = bytearray()
    while number > 0x7F:  # noqa: PLR2004 - as the docstring says
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _is_canonical(signature: bytes) -> bool:
    """Neither half begins with a set bit, nor with a zero byte it does not need: the chain takes no other."""
    halves = (signature[:32], signature[32:_SIGNATURE_BYTES])
    return all(half[0] < 0x80 and (half[0] or half[1] >= 0x80) for half in halves)  # noqa: PLR2004


def _signature_text(signature: bytes) -> str:
    raw = bytes([signature[_SIGNATURE_BYTES] + 31]) + signature[:_SIGNATURE_BYTES]
    number, letters = int.from_bytes(raw + ripemd160(raw + b"K1")[:4], "big"), ""
    while number:
        number, digit = divmod(number, len(base58.ALPHABET))
        letters = base58.ALPHABET[digit] + letters
    return f"SIG_K1_{letters}"
