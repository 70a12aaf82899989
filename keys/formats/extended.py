"""Extended *public* keys, read strictly by BIP32's "Serialization format"; version bytes by SLIP-132.

Strict means: all invalid keys of BIP32's test vector 5 are refused, as is any one mistyped character.
"""

from dataclasses import dataclass
from typing import Self

from coincurve import PublicKey

from keys.errors import InvalidExtendedKey
from keys.formats import base58
from monitor.chains import Chain

PAYLOAD_BYTES = 78
HARDENED = 1 << 31

_PRIVATE_VERSIONS = frozenset(
    bytes.fromhex(version)
    for version in (
        *("0488ade4", "049d7878", "04b2430c", "0295b005", "02aa7a99"),  # xprv yprv zprv Yprv Zprv
        *("04358394", "044a4e28", "045f18bc", "024285b5", "02575048"),  # tprv uprv vprv Uprv Vprv
        *("019d9cfe", "01b26792", "0436ef7d"),  # Ltpv Mtpv ttpv
        *("02fac398", "02fe52f8"),  # dgpv drkv, of Dogecoin's and Dash's wallets
    )
)
_NAMES = {
    bytes.fromhex(version): name
    for version, name in (
        *(("0488b21e", "xpub"), ("049d7cb2", "ypub"), ("04b24746", "zpub"), ("0295b43f", "Ypub"), ("02aa7ed3", "Zpub")),
        *(("043587cf", "tpub"), ("044a5262", "upub"), ("045f1cf6", "vpub"), ("024289ef", "Upub"), ("02575483", "Vpub")),
        *(("019da462", "Ltub"), ("01b26ef6", "Mtub"), ("0436f6e1", "ttub"), ("02facafd", "dgub"), ("02fe52cc", "drkp")),
    )
}
"""Named so that a person who took the wrong one of several exports is told which one it was."""


def name_of(version: bytes) -> str:
    """What people call keys of this version: xpub."""
    return _NAMES.get(version, version.hex())


@dataclass(frozen=True, slots=True)
class ExtendedKey:
    """A point of the curve, its chain code and where in the tree it stands. Never a private key."""

    version: bytes
    depth: int
    parent_fingerprint: bytes
    child_number: int
    chain_code: bytes
    public_key: bytes
    """33 bytes, compressed; known to be on the curve."""

    def __repr__(self) -> str:
        return f"ExtendedKey(depth={self.depth})"  # with one child's private key, the rest gives the parent's

    @property
    def payload(self) -> bytes:
        return b"".join(
            (
                self.version,
                self.depth.to_bytes(1, "big"),
                self.parent_fingerprint,
                self.child_number.to_bytes(4, "big"),
                self.chain_code,
                self.public_key,
            )
        )

    @classmethod
    def from_payload(cls, payload: bytes) -> Self:
        """The key of 78 bytes whose version is known to be a public one. Raises `InvalidExtendedKey`."""
        key = cls(
            version=payload[:4],
            depth=payload[4],
            parent_fingerprint=payload[5:9],
            child_number=int.from_bytes(payload[9:13], "big"),
            chain_code=payload[13:45],
            public_key=payload[45:],
        )
        if key.depth == 0 and any(key.parent_fingerprint):
            raise InvalidExtendedKey("It says it has no parent and names one: depth 0 with a parent fingerprint.")
        if key.depth == 0 and key.child_number:
            raise InvalidExtendedKey("It says it has no parent and a number among its children: depth 0 with an index.")
        _check_point(key.public_key)
        return key


def parse(text: str, chain: Chain) -> ExtendedKey:
    """Read an extended public key of `chain`.

    Raises `InvalidExtendedKey` with a reason for a person; the reason never repeats the text.
    """
    try:
        payload = base58.decode(text)
    except base58.NotBase58 as error:
        raise InvalidExtendedKey(f"This is not an extended public key: {error}.") from None
    if len(payload) != PAYLOAD_BYTES:
        raise InvalidExtendedKey(f"An extended key has {PAYLOAD_BYTES} bytes, this has {len(payload)}.")
    _check_version(payload[:4], chain)
    return ExtendedKey.from_payload(payload)


def _check_version(version: bytes, chain: Chain) -> None:
    if version in _PRIVATE_VERSIONS:
        raise InvalidExtendedKey(
            "This is a private key. It was not stored, but consider it exposed: move its coins to a new wallet, "
            "and give the extended public key instead."
        )
    if version in chain.extended_key_versions:
        return
    if version not in _NAMES:
        raise InvalidExtendedKey("Its version bytes are unknown.")
    accepted = sorted(map(name_of, chain.extended_key_versions))
    raise InvalidExtendedKey(
        f"This {name_of(version)} key is of another network or address form; "
        f"{chain.title} takes: {', '.join(accepted)}."
    )


def _check_point(public_key: bytes) -> None:
    if public_key[0] == 0:
        raise InvalidExtendedKey("It claims to be public and holds a private key. Consider that key exposed.")
    if public_key[0] not in (2, 3):
        raise InvalidExtendedKey("Its public key is not in the compressed form.")
    try:
        PublicKey(public_key)
    except ValueError:
        raise InvalidExtendedKey("Its public key is not a point on the curve.") from None
