"""Finding, with a view key, the outputs of Monero transactions that are for its holder, and what they hold.

A sender takes a secret r, publishes R = r·D (r·G for a primary address) and pays to the one-time key
K = Hs(8·r·C ‖ i)·G + D of the address (D, C). Since C = a·D, whoever has the view key a computes 8·a·R, the same point,
and so D = K - Hs(8·a·R ‖ i)·G: the public spend key of the address that was paid. Nothing is found out about others'
outputs: for them D is a point nobody knows.

Sources: "Zero to Monero", second edition, sections 4.2 to 4.5 and 5.3; Monero `crypto.cpp` (`generate_key_derivation`,
`derive_view_tag`, `derive_subaddress_public_key`), `rctOps.cpp` (`ecdhDecode`, `genCommitmentMask`, the point H).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from nacl import bindings as sodium

from monitor.connectors.monero_blocks import KEY_BYTES, Output, Transaction, keccak256, varint

_H = bytes.fromhex("8b655970153799af2aeadc9ff1add0ea6c7251d54154cfa92c173a0dd39c1f94")
"""The second base point of Pedersen commitments, C = mask·G + amount·H."""
_EIGHT = (8).to_bytes(KEY_BYTES, "little")
_WIDE_SCALAR_BYTES = 64
_MOST_PUBLIC_KEYS = 16
"""Of a transaction, besides one for each output. Wallets write one or two; each costs a multiplication a view key, and
who mines can write as many as a block holds."""
_REFUSALS = (RuntimeError, ValueError)
"""What the library says of bytes that are no point, or one of small order."""


class ViewKey:
    """The private view key of one account: it finds what was paid there, and can spend nothing.

    Raises `ValueError` for bytes that are no scalar. Never shown: not in a repr, a log or an error.
    """

    __slots__ = ("_eightfold", "_secret")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES or not any(secret) or reduced(secret) != secret:
            raise ValueError("a view key is a scalar of 32 bytes, below the order of the group and not zero")
        self._secret = secret
        self._eightfold = sodium.crypto_core_ed25519_scalar_mul(_EIGHT, secret)

    def __repr__(self) -> str:
        return "ViewKey()"

    def derivation(self, public_key: bytes) -> bytes | None:
        """8·a·R; None where R is no point, or one that gives everybody the same."""
        try:
            return sodium.crypto_scalarmult_ed25519_noclamp(self._eightfold, public_key)
        except _REFUSALS:
            return self._derivation_off_the_subgroup(public_key)

    def view_public_key(self, spend_public_key: bytes) -> bytes | None:
        """C = a·D of the subaddress with spend key D; None where D is no point of the prime-order subgroup."""
        try:
            return sodium.crypto_scalarmult_ed25519_noclamp(self._secret, spend_public_key)
        except _REFUSALS:
            return None

    def _derivation_off_the_subgroup(self, public_key: bytes) -> bytes | None:
        """The same for an R outside the prime-order subgroup: libsodium refuses to multiply it, Monero does not."""
        try:
            for _ in range(3):
                public_key = sodium.crypto_core_ed25519_add(public_key, public_key)
            return sodium.crypto_scalarmult_ed25519_noclamp(self._secret, public_key)
        except _REFUSALS:
            return None


class Found(NamedTuple):
    """An output that one view key leads to `destination`, and the scalar that sender and holder share."""

    transaction: Transaction
    output: Output
    destination: bytes
    """Public spend key and public view key of the address, 64 bytes.

    The view key's holder could pay to a one-time key that leads to another merchant's *spend* key: his alone finds it,
    and only he could tell its owner how to spend it. The address's view key, computed with the key that found the
    output, is then not that merchant's, and neither is the destination.
    """
    shared: bytes


def scan(transactions: Iterable[Transaction], view_keys: Sequence[ViewKey]) -> Iterator[Found]:
    """Every output that fits one of the keys, in order. Of others, one in 256 passes its view tag and is listed, too:
    its destination is nobody's."""
    for transaction in transactions:
        for view_key in view_keys:
            derivations = [view_key.derivation(key) for key in transaction.public_keys[:_MOST_PUBLIC_KEYS]]
            additional = [view_key.derivation(key) for key in transaction.additional_keys[: len(transaction.outputs)]]
            for index, output in enumerate(transaction.outputs):
                for derivation in (*derivations, *additional[index : index + 1]):
                    if derivation is not None and (found := _find(transaction, output, index, view_key, derivation)):
                        yield found


def amount(found: Found) -> int | None:
    """What the output holds, in base units; None where it does not open the commitment that the network checked."""
    if found.transaction.mined_at_height is not None:
        return found.output.base_units
    mask_of_amount = keccak256(b"amount" + found.shared)
    hidden = found.output.hidden_amount
    base_units = int.from_bytes(hidden, "little") ^ int.from_bytes(mask_of_amount[: len(hidden)], "little")
    blinding = to_scalar(b"commitment_mask" + found.shared)
    return base_units if _commitment(blinding, base_units) == found.output.commitment else None


def reduced(scalar: bytes) -> bytes:
    """The scalar modulo the group's order."""
    return sodium.crypto_core_ed25519_scalar_reduce(scalar.ljust(_WIDE_SCALAR_BYTES, b"\0"))


def to_scalar(message: bytes) -> bytes:
    """Monero's Hs: Keccak-256 modulo the group's order."""
    return reduced(keccak256(message))


def _find(transaction: Transaction, output: Output, index: int, view_key: ViewKey, derivation: bytes) -> Found | None:
    numbered = derivation + varint(index)
    if output.view_tag is not None and keccak256(b"view_tag" + numbered)[0] != output.view_tag:
        return None
    shared = to_scalar(numbered)
    try:
        spend = sodium.crypto_core_ed25519_sub(output.key, sodium.crypto_scalarmult_ed25519_base_noclamp(shared))
    except _REFUSALS:
        return None
    view = view_key.view_public_key(spend)
    return None if view is None else Found(transaction, output, spend + view, shared)


def _commitment(blinding: bytes, base_units: int) -> bytes:
    blinded = sodium.crypto_scalarmult_ed25519_base_noclamp(blinding)
    if not base_units:
        return blinded
    valued = sodium.crypto_scalarmult_ed25519_noclamp(base_units.to_bytes(KEY_BYTES, "little"), _H)
    return sodium.crypto_core_ed25519_add(blinded, valued)
