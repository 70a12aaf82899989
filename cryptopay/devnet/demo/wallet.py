"""The demo merchant's own wallet: a seed made once and kept in `.state/`, so that its keys are real and worthless.

It exists for development alone; `keys.mnemonics` makes the public keys of its accounts by BIP32. Monero's account
follows from the seed by its own rule (`account.cpp`, `generate`): the seed is the spend key, its hash the view key.
"""

import json
import secrets
from pathlib import Path

from nacl import bindings as sodium

from keys.formats import monero_base58
from keys.formats.evm import keccak256

SEED_BYTES = 32
_PRIMARY = b"\x12"
_WIDE_SCALAR_BYTES = 64


def seed(path: Path, owner: str) -> bytes:
    """The owner's seed, made when it is asked for first; the file is readable by its owner alone."""
    kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    if owner not in kept:
        kept[owner] = secrets.token_hex(SEED_BYTES)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps(kept, indent=2))
    return bytes.fromhex(kept[owner])


def view_pair(seed: bytes) -> str:
    """Primary address and private view key of the seed's Monero account, one a line: what a merchant gives."""
    spend_key = _scalar(seed)
    view_key = _scalar(keccak256(spend_key))
    spend, view = (sodium.crypto_scalarmult_ed25519_base_noclamp(key) for key in (spend_key, view_key))
    return f"{monero_base58.encode(_PRIMARY + spend + view)}\n{view_key.hex()}"


def _scalar(number: bytes) -> bytes:
    return sodium.crypto_core_ed25519_scalar_reduce(number.ljust(_WIDE_SCALAR_BYTES, b"\0"))
