"""The words of a new wallet (BIP39), and the public half of the account behind them (BIP32, BIP44/49/84/86).

Private keys pass through here while a person makes a wallet at a terminal, and through nothing that runs by itself:
a contract of the linter lets the commands alone import this. Nothing is stored, logged or printed here.
"""

import hmac
import secrets

from coincurve import PrivateKey
from mnemonic import Mnemonic

from keys.errors import NoChildKey
from keys.formats import base58
from keys.formats.accounts import neutral_version, path_of
from keys.formats.extended import HARDENED, ExtendedKey
from keys.formats.hashes import hash160
from monitor.chains import Chain

ENTROPY_BYTES = 32
"""24 words."""
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_HALF = 32


def new_words() -> str:
    """24 words of the English list, their entropy from the operating system."""
    return Mnemonic("english").to_mnemonic(secrets.token_bytes(ENTROPY_BYTES))


def seed_of(words: str, passphrase: str = "") -> bytes:
    """BIP39's 64 bytes. The words are taken as they are: BIP39 lets any text be a seed."""
    return Mnemonic.to_seed(words, passphrase)


def account_key(seed: bytes, chain: Chain, form: str = "", account: int = 0) -> str:
    """The extended public key of the seed's account for this address form, as wallets of the chain write it.

    Raises `NoChildKey` where BIP32 leaves a step without a key (about 1 in 2**127).
    """
    *above, _ = path_of(chain, form or chain.address_forms[0]).split("/")[1:]
    steps = [*(int(step.rstrip("'")) + HARDENED for step in above), account + HARDENED]
    key, chain_code = _halves(hmac.digest(b"Bitcoin seed", seed, "sha512"), 0)
    parent = b""
    for step in steps:
        parent = PrivateKey(key).public_key.format()
        digest = hmac.digest(chain_code, b"\0" + key + step.to_bytes(4, "big"), "sha512")
        key, chain_code = _halves(digest, int.from_bytes(key, "big"))
    public = ExtendedKey(
        version=neutral_version(chain),
        depth=len(steps),
        parent_fingerprint=hash160(parent)[:4],
        child_number=steps[-1],
        chain_code=chain_code,
        public_key=PrivateKey(key).public_key.format(),
    )
    return base58.encode(public.payload)


def _halves(digest: bytes, parent: int) -> tuple[bytes, bytes]:
    """BIP32's private key (0 is the parent of the topmost one) and chain code."""
    left = int.from_bytes(digest[:_HALF], "big")
    key = (left + parent) % _ORDER
    if left >= _ORDER or key == 0:
        raise NoChildKey("This seed has no such account. Make another.")
    return key.to_bytes(_HALF, "big"), digest[_HALF:]
