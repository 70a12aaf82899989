"""Keys for a merchant who only wants to try: valid public keys on development chains that nobody can spend from."""

import secrets

from coincurve import PublicKey
from django.conf import settings
from django.db.models import Model

from keys.formats import base58
from keys.formats.accounts import neutral_version
from keys.formats.extended import HARDENED, ExtendedKey
from keys.importing import import_credential
from keys.models import MasterKey
from monitor.chains import CHAINS, Chain

LABEL = "Test coins, nobody's to spend"
_DEPTH = 3
"""Of an account, BIP44."""


def import_unspendable(book: Model) -> list[MasterKey]:
    """One for each development chain that is on, derives addresses, and has no key in this book yet.

    Raises `ValueError` for a book of real money.
    """
    if not book.is_test:  # type: ignore[attr-defined]
        raise ValueError("what is paid to such keys is lost")
    known = set(MasterKey.objects.filter(book_id=book.pk, active=True).values_list("chain", flat=True))
    chains = [CHAINS[code] for code in settings.NODE_URLS if code not in known]
    return [
        import_credential(book, chain, unspendable(chain), LABEL)
        for chain in chains
        if not chain.live and chain.extended_key_versions
    ]


def unspendable(chain: Chain) -> str:
    """An extended public key at a point drawn at random: that point's private key was never known to anybody."""
    key = ExtendedKey(
        version=neutral_version(chain),
        depth=_DEPTH,
        parent_fingerprint=secrets.token_bytes(4),
        child_number=HARDENED,
        chain_code=secrets.token_bytes(32),
        public_key=_point(),
    )
    return base58.encode(key.payload)


def _point() -> bytes:
    """About every second x is a point's."""
    while True:
        drawn = b"\2" + secrets.token_bytes(32)
        try:
            PublicKey(drawn)
        except ValueError:
            continue
        return drawn
