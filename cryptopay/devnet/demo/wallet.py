"""The demo merchant's own wallet: a seed made once and kept in `.state/`, so that its keys are real and worthless.

Private keys exist here for development alone. What leaves this module are account keys in their public form.
"""

import hmac
import json
import secrets
from pathlib import Path

from coincurve import PrivateKey

from keys.formats import base58
from keys.formats.hashes import hash160
from keys.formats.extended import HARDENED
from monitor.chains import Chain

SEED_BYTES = 32
_TPUB = bytes.fromhex("043587cf")
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def seed(path: Path, owner: str) -> bytes:
    """The owner's seed, made when it is asked for first; the file is readable by its owner alone."""
    kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    if owner not in kept:
        kept[owner] = secrets.token_hex(SEED_BYTES)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps(kept, indent=2))
    return bytes.fromhex(kept[owner])


def account_key(seed: bytes, chain: Chain) -> str:
    """The extended public key at the chain's derivation path, in BIP32's serialization for test networks."""
    key, chain_code = _split(hmac.digest(b"Bitcoin seed", seed, "sha512"))
    parent, number, depth = b"", 0, 0
    for step in chain.derivation_path.split("/")[1:]:
        number, depth = int(step.rstrip("'")) + HARDENED, depth + 1
        parent = PrivateKey(key).public_key.format()
        tweak, chain_code = _split(hmac.digest(chain_code, b"\0" + key + number.to_bytes(4, "big"), "sha512"))
        key = ((int.from_bytes(tweak, "big") + int.from_bytes(key, "big")) % _ORDER).to_bytes(32, "big")
    point = PrivateKey(key).public_key.format()
    return base58.encode(
        b"".join((_TPUB, bytes([depth]), hash160(parent)[:4], number.to_bytes(4, "big"), chain_code, point))
    )


def _split(digest: bytes) -> tuple[bytes, bytes]:
    return digest[:32], digest[32:]
