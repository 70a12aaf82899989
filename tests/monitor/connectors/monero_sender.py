"""A sender of Monero, as far as outputs go: makes what a wallet would send, and what no honest one would.

Written from "Zero to Monero", second edition, chapters 4 and 5, apart from the scanner it tests: the sender multiplies
r·C where the scanner multiplies a·R.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import sha3
from nacl import bindings as sodium

from monitor.connectors.monero_blocks import Output, Transaction

ORDER = 2**252 + 27742317777372353535851937790883648493
H = bytes.fromhex("8b655970153799af2aeadc9ff1add0ea6c7251d54154cfa92c173a0dd39c1f94")
ORDER_8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
"""A point outside the prime-order subgroup."""


def keccak(message: bytes) -> bytes:
    return bytes(sha3.keccak_256(message).digest())


def scalar(number: int) -> bytes:
    return (number % ORDER).to_bytes(32, "little")


def random_scalar() -> bytes:
    return scalar(secrets.randbelow(ORDER - 1) + 1)


def hash_to_scalar(message: bytes) -> bytes:
    return scalar(int.from_bytes(keccak(message), "little"))


def times(factor: bytes, point: bytes) -> bytes:
    return sodium.crypto_scalarmult_ed25519_noclamp(factor, point)


def base(factor: bytes) -> bytes:
    return sodium.crypto_scalarmult_ed25519_base_noclamp(factor)


def plus(one: bytes, other: bytes) -> bytes:
    return sodium.crypto_core_ed25519_add(one, other)


@dataclass(frozen=True)
class Account:
    """A merchant's account: view key, public spend key. Its addresses are made here by themselves."""

    view_key: bytes
    spend: bytes

    def subaddress(self, number: int) -> tuple[bytes, bytes]:
        place = b"SubAddr\0" + self.view_key + bytes(4) + number.to_bytes(4, "little")
        spend = plus(self.spend, base(hash_to_scalar(place)))
        return spend, times(self.view_key, spend)

    def destination(self, number: int) -> bytes:
        return b"".join(self.subaddress(number))


def new_account() -> Account:
    return Account(random_scalar(), base(random_scalar()))


@dataclass(frozen=True)
class Paying:
    """One secret r, one address, one place in the transaction."""

    secret: bytes
    address: tuple[bytes, bytes]
    index: int = 0

    @property
    def public_key(self) -> bytes:
        """R = r·D: as for a subaddress."""
        return times(self.secret, self.address[0])

    @property
    def numbered(self) -> bytes:
        eight = scalar(8 * int.from_bytes(self.secret, "little"))
        return times(eight, self.address[1]) + bytes([self.index])

    def output(self, base_units: int, *, claimed: int | None = None, tagged: bool = True) -> Output:
        """`claimed`: the amount told to the receiver, where it is another than the one committed to."""
        shared = hash_to_scalar(self.numbered)
        mask = int.from_bytes(keccak(b"amount" + shared)[:8], "little")
        blinding = base(hash_to_scalar(b"commitment_mask" + shared))
        told = base_units if claimed is None else claimed
        return Output(
            key=plus(base(shared), self.address[0]),
            view_tag=keccak(b"view_tag" + self.numbered)[0] if tagged else None,
            base_units=0,
            hidden_amount=(told ^ mask).to_bytes(8, "little"),
            commitment=plus(blinding, times(scalar(base_units), H)) if base_units else blinding,
        )


def transaction(
    outputs: Sequence[Output], public_keys: Sequence[bytes], additional_keys: Sequence[bytes] = (), unlock_time: int = 0
) -> Transaction:
    return Transaction(secrets.token_hex(32), None, unlock_time, outputs, public_keys, additional_keys)
