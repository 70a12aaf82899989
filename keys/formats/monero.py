"""Monero: a view key finds payments and spends nothing; each payer is given a subaddress of his own.

A destination is a subaddress's two public keys, D to spend and C to view, 64 bytes: what its text holds. Both count,
for D alone could be led to by another merchant's view key (`monitor.connectors.monero_scan`).

Sources: "Zero to Monero", second edition, sections 4.1 and 4.3; Monero `device_default.cpp`
(`get_subaddress_secret_key`, `get_subaddress_spend_public_keys`) and `cryptonote_config.h` (what addresses begin with).
"""

import re
from dataclasses import dataclass
from typing import NoReturn

import sha3
from nacl import bindings as sodium

from keys.errors import DerivationExhausted, InvalidAddress, InvalidCredential, NoChildKey
from keys.formats import monero_base58
from keys.formats.extended import HARDENED
from monitor.chains import Chain

PARTS: tuple[str, ...] = ("primary_address", "private_view_key")

_KEY_BYTES = 32
_PRIMARY, _INTEGRATED, _SUBADDRESS = 18, 19, 42
"""What the addresses of mainnet begin with; those of a regtest node are the same."""
_OTHER_NETWORKS = {24: "stagenet", 25: "stagenet", 36: "stagenet", 53: "testnet", 54: "testnet", 63: "testnet"}
_ACCOUNT = 0
_FIRST = 1
"""Subaddress 0 of account 0 is the primary address, which is never given to payers."""
_FORM = "subaddress"
_SCALAR = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_SEED_WORDS = 12
_WIDE_SCALAR_BYTES = 64
_G = bytes.fromhex("5866666666666666666666666666666666666666666666666666666666666666")


@dataclass(frozen=True, slots=True)
class ViewPair:
    """An account's public spend key and private view key: enough to see what it receives, and its subaddresses."""

    spend_public_key: bytes
    view_secret: bytes
    view_public_key: bytes

    def __repr__(self) -> str:
        return "ViewPair()"

    @property
    def payload(self) -> bytes:
        """Public spend key and private view key, 64 bytes."""
        return self.spend_public_key + self.view_secret

    @property
    def identity(self) -> bytes:
        return self.spend_public_key + self.view_public_key

    @property
    def form(self) -> str:
        return _FORM

    @property
    def path(self) -> str:
        return f"account {_ACCOUNT}"

    @classmethod
    def of(cls, spend_public_key: bytes, view_secret: bytes) -> "ViewPair":
        """Raises `InvalidCredential` unless the one is a point and the other a scalar of the curve's main group."""
        if not sodium.crypto_core_ed25519_is_valid_point(spend_public_key):
            raise InvalidCredential("The primary address holds a spend key that is no point on the curve.")
        if _reduced(view_secret) != view_secret or not any(view_secret):
            raise InvalidCredential("The view key is out of range: a character is mistyped.")
        return cls(spend_public_key, view_secret, sodium.crypto_scalarmult_ed25519_base_noclamp(view_secret))


class SubaddressDeriver:
    """Subaddresses 1, 2, 3 ... of account 0, as wallets number them; index 0 is the first of them.

    A wallet finds payments to subaddresses up to its look-ahead beyond the last it knows, 200 by default.
    """

    def __init__(self, pair: ViewPair, chain: Chain) -> None:
        self._pair = pair
        self._chain = chain

    def destination(self, index: int) -> bytes:
        tweak = self._tweak(index)
        try:
            beside = sodium.crypto_scalarmult_ed25519_base_noclamp(tweak)
            spend = sodium.crypto_core_ed25519_add(self._pair.spend_public_key, beside)
            return spend + sodium.crypto_scalarmult_ed25519_noclamp(self._pair.view_secret, spend)
        except RuntimeError:  # the tweak, or the sum, is nothing: about 1 in 2**252
            raise NoChildKey(f"The index {index} has no key.") from None

    def address(self, index: int) -> tuple[str, bytes]:
        destination = self.destination(index)
        return text(destination, self._chain), destination

    def confirms(self, index: int, text: str, destination: bytes) -> bool:
        """The text decoded, and each key by other calls: D = B + m·G by general multiplication, C = a·B + m·A."""
        tweak, pair = self._tweak(index), self._pair
        spend = sodium.crypto_core_ed25519_add(
            sodium.crypto_scalarmult_ed25519_noclamp(tweak, _G), pair.spend_public_key
        )
        view = sodium.crypto_core_ed25519_add(
            sodium.crypto_scalarmult_ed25519_noclamp(pair.view_secret, pair.spend_public_key),
            sodium.crypto_scalarmult_ed25519_noclamp(tweak, pair.view_public_key),
        )
        try:
            kind, keys = _decoded(text, self._chain)
        except InvalidAddress:
            return False
        return kind == _SUBADDRESS and keys == spend + view == destination

    def _tweak(self, index: int) -> bytes:
        """m = Hs("SubAddr" ‖ 0 ‖ a ‖ account ‖ number)."""
        if not 0 <= index < HARDENED:
            raise DerivationExhausted("A view key derives the indexes 0 to 2**31 - 1 and no others.")
        place = _ACCOUNT.to_bytes(4, "little") + (index + _FIRST).to_bytes(4, "little")
        return _reduced(sha3.keccak_256(b"SubAddr\0" + self._pair.view_secret + place).digest())


def read(text: str, chain: Chain, form: str = "") -> ViewPair:
    """The primary address and the private view key in `text`, in this order, apart by spaces or line ends.

    Raises `InvalidCredential`.
    """
    if form not in ("", _FORM):
        raise InvalidCredential(f"{chain.title} has no addresses of the form {form}: {_FORM}.")
    words = text.split()
    if len(words) >= _SEED_WORDS:
        _refuse_exposed("This looks like a wallet's seed.")
    if len(words) != len(PARTS):
        raise InvalidCredential("Give the primary address and the private view key, one a line.")
    address, secret = words
    try:
        kind, keys = _decoded(address, chain)
    except InvalidAddress as error:
        raise InvalidCredential(str(error)) from None
    if kind != _PRIMARY:
        raise InvalidCredential("This is not the primary address of an account: that one begins with 4.")
    if _SCALAR.fullmatch(secret) is None:
        raise InvalidCredential("A private view key has 64 hexadecimal digits.")
    return _checked(keys[:_KEY_BYTES], keys[_KEY_BYTES:], bytes.fromhex(secret))


def restore(payload: bytes, chain: Chain) -> ViewPair:
    """The pair that `ViewPair.payload` wrote. Raises `InvalidCredential`."""
    if len(payload) != 2 * _KEY_BYTES:
        raise InvalidCredential("A view key's record has another length.")
    return ViewPair.of(payload[:_KEY_BYTES], payload[_KEY_BYTES:])


def deriver(pair: ViewPair, chain: Chain) -> SubaddressDeriver:
    return SubaddressDeriver(pair, chain)


def text(destination: bytes, chain: Chain) -> str:
    """The subaddress of those two keys. Raises `InvalidAddress` unless there are 64 bytes."""
    if len(destination) != 2 * _KEY_BYTES:
        raise InvalidAddress(f"an address has two keys of {_KEY_BYTES} bytes")
    return monero_base58.encode(bytes([_SUBADDRESS]) + destination)


def parse(text: str, chain: Chain) -> bytes:
    """The two keys of a primary address or subaddress. Raises `InvalidAddress`."""
    return _decoded(text, chain)[1]


def _decoded(text: str, chain: Chain) -> tuple[int, bytes]:
    """What the address begins with, and its two keys."""
    try:
        payload = monero_base58.decode(text)
    except monero_base58.NotMoneroBase58 as error:
        raise InvalidAddress(f"This is not an address of {chain.title}: {error}.") from None
    kind, keys = payload[0], payload[1:]
    if kind == _INTEGRATED:
        raise InvalidAddress("This is an integrated address, which carries a payment id. Use the address without it.")
    if kind in _OTHER_NETWORKS:
        raise InvalidAddress(f"This is an address of {_OTHER_NETWORKS[kind]}, not of {chain.title}.")
    if kind not in (_PRIMARY, _SUBADDRESS) or len(keys) != 2 * _KEY_BYTES:
        raise InvalidAddress(f"This is not an address of {chain.title}.")
    for key in (keys[:_KEY_BYTES], keys[_KEY_BYTES:]):
        if not sodium.crypto_core_ed25519_is_valid_point(key):
            raise InvalidAddress("This address holds a key that is no point on the curve.")
    return kind, keys


def _checked(spend_public_key: bytes, view_public_key: bytes, secret: bytes) -> ViewPair:
    pair = ViewPair.of(spend_public_key, secret)
    if pair.view_public_key == spend_public_key:
        _refuse_exposed("This is the private spend key.")
    if pair.view_public_key != view_public_key:
        raise InvalidCredential("This view key belongs to another address.")
    return pair


def _refuse_exposed(what: str) -> NoReturn:
    raise InvalidCredential(
        f"{what} It was not stored, but consider it exposed: move its coins to a new wallet, "
        "and give the private view key instead."
    )


def _reduced(scalar: bytes) -> bytes:
    return sodium.crypto_core_ed25519_scalar_reduce(scalar.ljust(_WIDE_SCALAR_BYTES, b"\0"))
