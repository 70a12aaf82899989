"""The demo merchant's own wallet: a seed made once and kept in `.state/`, so that its keys are real and worthless.

It exists for development alone; `keys.mnemonics` makes the public keys of its accounts.
"""

import json
import secrets
from pathlib import Path

SEED_BYTES = 32


def seed(path: Path, owner: str) -> bytes:
    """The owner's seed, made when it is asked for first; the file is readable by its owner alone."""
    kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    if owner not in kept:
        kept[owner] = secrets.token_hex(SEED_BYTES)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps(kept, indent=2))
    return bytes.fromhex(kept[owner])
