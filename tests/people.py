"""The people of the tests: merchants with their own keys, whose private halves the tests hold."""

import secrets
from decimal import Decimal

from bip_utils import Bip32KeyNetVersions, Bip32Slip10Secp256k1
from django.utils import timezone

from cryptopay.merchants.models import Merchant
from cryptopay.merchants.onboarding import create_merchant
from keys.importing import import_credential
from ledger import rates
from monitor.chains import CHAINS, Chain

DEVELOPMENT_CHAINS = [chain for chain in CHAINS.values() if not chain.live]
_TEST_VERSIONS = Bip32KeyNetVersions(bytes.fromhex("043587cf"), bytes.fromhex("04358394"))


def account(chain: Chain, seed: bytes | None = None) -> Bip32Slip10Secp256k1:
    """A merchant's account key at the chain's derivation path."""
    master = Bip32Slip10Secp256k1.FromSeed(seed or secrets.token_bytes(32), _TEST_VERSIONS)
    return master.DerivePath(chain.derivation_path)


def merchant(name: str) -> Merchant:
    """A merchant with a public key on every development chain that derives from one."""
    made = create_merchant(name)
    for chain in DEVELOPMENT_CHAINS:
        if not chain.extended_key_versions:
            continue
        key = account(chain).PublicKey().ToExtended()
        import_credential(made.test_book, chain, key, label=f"{name}'s key")
    return made


def record_rates() -> None:
    """Fresh rates in EUR."""
    for code, value in {"BTC": "60000", "LTC": "80", "BCH": "400", "ETH": "3000"}.items():
        rates.record(code, "EUR", Decimal(value), "test", timezone.now())
