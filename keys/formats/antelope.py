"""EOS and its kin: payers share the merchant's account, and the memo of a transfer tells them apart.

A destination is "account/memo" in bytes, or "account" alone: whatever reaches the account with a memo nobody knows. No
account's name holds a slash. The memo of an index is what Bech32m (BIP350) makes of it with the account's name as
prefix: any four characters mistyped give no memo at all, and another account's memo is none here.

Source of the rules on names: the Antelope protocol, "Accounts and permissions".
"""

import re
from dataclasses import dataclass
from typing import NoReturn

from keys.errors import DerivationExhausted, InvalidAddress, InvalidCredential
from keys.formats import bech32
from keys.formats.extended import HARDENED
from monitor.chains import Chain

PARTS: tuple[str, ...] = ("account_name",)

_FORM = "memo"
_KIND = 2
"""Bech32's first letter, z: the kind of memo, should there ever be another."""
_INDEX_BYTES = 4
_LONGEST_MEMO_BYTES = 256
"""What the contract eosio.token takes."""
_NAME = re.compile(r"[.1-5a-z]{0,11}[1-5a-z]|[.1-5a-z]{12}[1-5a-j]", re.ASCII)


@dataclass(frozen=True, slots=True)
class AccountName:
    """An account of one chain. Everybody may know it: it opens nothing."""

    name: str
    chain_code: str

    @property
    def payload(self) -> bytes:
        return self.name.encode()

    @property
    def identity(self) -> bytes:
        """The same name on another chain is another account."""
        return f"{self.chain_code}/{self.name}".encode()

    @property
    def form(self) -> str:
        return _FORM

    @property
    def path(self) -> str:
        return f"account {self.name}"


class MemoDeriver:
    """The memos of one account."""

    def __init__(self, account: AccountName) -> None:
        self._name = account.name

    def destination(self, index: int) -> bytes:
        return self.address(index)[1]

    def address(self, index: int) -> tuple[str, bytes]:
        """Raises `DerivationExhausted`."""
        if not 0 <= index < HARDENED:
            raise DerivationExhausted("There are memos for the indexes 0 to 2**31 - 1 and no others.")
        whole = bech32.encode(self._name, _KIND, index.to_bytes(_INDEX_BYTES, "big"))
        text = f"{self._name}/{whole.removeprefix(f'{self._name}1')}"
        return text, text.encode()

    def confirms(self, index: int, text: str, destination: bytes) -> bool:
        """Whether the memo, read back character by character, is that index's and of this account."""
        account, _, memo = text.partition("/")
        try:
            kind, number = bech32.decode(self._name, f"{account}1{memo}")
        except bech32.NotBech32:
            return False
        is_same = (account, kind, number) == (self._name, _KIND, index.to_bytes(_INDEX_BYTES, "big"))
        return is_same and destination == b"/".join((account.encode(), memo.encode()))


def read(text: str, chain: Chain, form: str = "") -> AccountName:
    """The account's name; spaces and line ends around it are those of copying. Raises `InvalidCredential`."""
    name = text.strip()
    if form not in ("", _FORM):
        raise InvalidCredential(f"{chain.title} tells payers apart by memo, and not by {form}.")
    if _NAME.fullmatch(name) is None:
        raise InvalidCredential(
            f"This is not an account of {chain.title}: a name has up to 12 of the characters a-z, 1-5 and the dot."
        )
    if name == chain.coin_contract:
        raise InvalidCredential("This is the account of the coin itself. Give one of your own.")
    return AccountName(name, chain.code)


def restore(payload: bytes, chain: Chain) -> AccountName:
    return read(payload.decode(errors="replace"), chain)


def deriver(account: AccountName, chain: Chain) -> MemoDeriver:
    return MemoDeriver(account)


def text(destination: bytes, chain: Chain) -> str:
    """ "account/memo", or the account. Raises `InvalidAddress`."""
    try:
        address = destination.decode()
    except UnicodeDecodeError:
        _refuse(chain)
    parse(address, chain)
    return address


def parse(address: str, chain: Chain) -> bytes:
    """Of any account, with any memo the chain takes or none: "account/memo", "account". Raises `InvalidAddress`."""
    account, slash, memo = address.partition("/")
    has_memo = 0 < len(memo.encode()) <= _LONGEST_MEMO_BYTES and memo.isprintable()
    if _NAME.fullmatch(account) is None or (slash and not has_memo):
        _refuse(chain)
    return address.encode()


def parts(address: str) -> tuple[str, str]:
    """Account and memo of an address, to be shown apart; the memo is empty where there is none."""
    account, _, memo = address.partition("/")
    return account, memo


def _refuse(chain: Chain) -> NoReturn:
    raise InvalidAddress(f"This is not an address of {chain.title}: it takes an account, a slash and a memo.")
