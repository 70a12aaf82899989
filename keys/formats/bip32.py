"""BIP32 public derivation: from an account's extended public key to its addresses at 0/0, 0/1, 0/2 ...

Nothing here knows a private key. The parent is parsed once; each address then costs one addition on the curve.
"""

import hmac
from collections.abc import Callable

from coincurve import PrivateKey, PublicKey

from keys.errors import DerivationExhausted, NoChildKey
from keys.formats.extended import HARDENED, ExtendedKey
from keys.formats.hashes import hash160
from monitor.chains import Chain

EXTERNAL = 0
"""The chain of addresses that are given to others (BIP44); 1 would be change."""
HALF = 32
DEEPEST = 255


class Parent:
    """One extended public key, ready to derive many children."""

    def __init__(self, key: ExtendedKey) -> None:
        self.key = key
        self._point = PublicKey(key.public_key)
        self._mac = hmac.new(key.chain_code, key.public_key, "sha512")

    def _hmac(self, index: int) -> bytes:
        """BIP32's I: 32 bytes to add to the parent, then the child's chain code."""
        if not 0 <= index < HARDENED:
            raise DerivationExhausted("A public key derives the indexes 0 to 2**31 - 1 and no others.")
        mac = self._mac.copy()
        mac.update(index.to_bytes(4, "big"))
        return mac.digest()

    def point(self, index: int) -> PublicKey:
        """The child's public key. Raises `NoChildKey` where BIP32 leaves an index without a key (about 1 in 2**127)."""
        tweak = self._hmac(index)[:HALF]
        try:
            return self._point.add(tweak)
        except ValueError:
            raise NoChildKey(f"The index {index} has no key.") from None

    def point_again(self, index: int) -> PublicKey:
        """The same key by another way through the library: point(IL) + parent, each computed afresh."""
        message = self.key.public_key + index.to_bytes(4, "big")
        tweak = hmac.digest(self.key.chain_code, message, "sha512")[:HALF]
        return PublicKey.combine_keys([PrivateKey(tweak).public_key, PublicKey(self.key.public_key)])

    def child(self, index: int) -> ExtendedKey:
        """The extended public key one level down (BIP32's CKDpub). Raises as `point` does, and at depth 255."""
        if self.key.depth == DEEPEST:
            raise DerivationExhausted("Below depth 255 there are no keys.")
        return ExtendedKey(
            version=self.key.version,
            depth=self.key.depth + 1,
            parent_fingerprint=hash160(self.key.public_key)[:4],
            child_number=index,
            chain_code=self._hmac(index)[HALF:],
            public_key=self.point(index).format(),
        )


class AccountDeriver:
    """The receiving addresses of one account; the family gives the three steps from a point to a text and back."""

    def __init__(
        self,
        key: ExtendedKey,
        chain: Chain,
        destination: Callable[[PublicKey], bytes],
        text: Callable[[bytes, Chain], str],
        parse: Callable[[str, Chain], bytes],
    ) -> None:
        self._external = Parent(Parent(key).child(EXTERNAL))
        self._chain = chain
        self._destination, self._text, self._parse = destination, text, parse

    def destination(self, index: int) -> bytes:
        """What the chain carries for address `index`. Raises `NoChildKey`, `DerivationExhausted`."""
        return self._destination(self._external.point(index))

    def address(self, index: int) -> tuple[str, bytes]:
        """Text and destination of address `index`. Raises `NoChildKey`, `DerivationExhausted`."""
        destination = self.destination(index)
        return self._text(destination, self._chain), destination

    def confirms(self, index: int, text: str, destination: bytes) -> bool:
        """Whether a second way leads to the same address: the text decoded, the key computed by other calls."""
        again = self._destination(self._external.point_again(index))
        return again == destination and self._parse(text, self._chain) == destination
