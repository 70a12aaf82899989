"""Vectors: BIP39's own, by Trezor, with the passphrase "TREZOR"; SLIP-132; BIP44 to BIP86 by a second library."""

import json
import re
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from bip_utils import Bip32KeyNetVersions, Bip32Slip10Secp256k1
from mnemonic import Mnemonic

import keys
from keys import mnemonics
from keys.errors import NoChildKey
from keys.formats import base58
from keys.formats.accounts import neutral_version, path_of
from keys.mnemonics import account_key, new_words, seed_of
from monitor.chains import CHAINS, Chain

BITCOIN = CHAINS["bitcoin"]
VECTORS = json.loads((Path(__file__).parent / "bip39_vectors.json").read_text())
ABANDON = f"{'abandon ' * 11}about"
DERIVED = [chain for chain in CHAINS.values() if chain.extended_key_versions]


def test_bip39_has_24_vectors() -> None:
    assert len(VECTORS) == 24


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["words"][:20])
def test_bip39_vectors(vector: dict[str, str]) -> None:
    entropy = bytes.fromhex(vector["entropy"])
    assert Mnemonic("english").to_mnemonic(entropy) == vector["words"]
    seed = seed_of(vector["words"], "TREZOR")
    assert seed.hex() == vector["seed"]
    root = base58.decode(vector["root"])
    assert Bip32Slip10Secp256k1.FromSeed(seed).PrivateKey().ToExtended() == vector["root"]
    account = Bip32Slip10Secp256k1.FromExtendedKey(base58.encode(root)).DerivePath("84'/0'/0'")
    assert account_key(seed, BITCOIN) == account.PublicKey().ToExtended()


@pytest.mark.parametrize(
    ("form", "account"),
    [
        # SLIP-132, "Bitcoin Test Vectors", first and last: an xpub, and a zpub of which the version differs
        (
            "p2pkh",
            "xpub6BosfCnifzxcFwrSzQiqu2DBVTshkCXacvNsWGYJVVhhawA7d4R5WSWGFNbi8Aw6ZRc1brxMyWMzG3DSSSSoekkudhUd9yLb6qx39T9nMdj",
        ),
        (
            "p2wpkh",
            "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs",
        ),
        # BIP86, "Test vectors"
        (
            "p2tr",
            "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ",
        ),
    ],
)
def test_the_standards_own_accounts(form: str, account: str) -> None:
    assert base58.decode(account_key(seed_of(ABANDON), BITCOIN, form))[4:] == base58.decode(account)[4:]


@pytest.mark.parametrize("chain", DERIVED, ids=str)
def test_a_second_library_finds_the_same_account(chain: Chain) -> None:
    versions = Bip32KeyNetVersions(neutral_version(chain), bytes.fromhex("0488ade4"))
    for form in chain.address_forms:
        seed, number = secrets.token_bytes(64), secrets.randbelow(2**31)
        steps = path_of(chain, form).split("/")[:-1]
        path = "/".join([*steps, f"{number}'"])
        account = Bip32Slip10Secp256k1.FromSeed(seed, versions).DerivePath(path)
        assert account_key(seed, chain, form, number) == account.PublicKey().ToExtended()


@pytest.mark.parametrize(
    ("left", "parent"), [(mnemonics._ORDER, 1), (2**256 - 1, 0), (5, mnemonics._ORDER - 5), (0, 0)]
)
def test_a_step_without_a_key_says_so(left: int, parent: int) -> None:
    """BIP32: IL >= n, or a sum of zero. No such input is known, so the hash's output is given."""
    with pytest.raises(NoChildKey):
        mnemonics._halves(left.to_bytes(32, "big") + bytes(32), parent)


def test_threat_34_words_come_from_the_operating_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """32 bytes are asked of `secrets`, all of which are in the words; no seed of `random` changes them."""
    asked: list[int] = []
    real = secrets.token_bytes

    def token_bytes(count: int) -> bytes:
        asked.append(count)
        return real(count)

    monkeypatch.setattr("keys.mnemonics.secrets.token_bytes", token_bytes)
    words = new_words()
    assert asked == [32]
    assert len(words.split()) == 24
    entropy = Mnemonic("english").to_entropy(words)
    assert len(entropy) == 32

    monkeypatch.setattr("keys.mnemonics.secrets.token_bytes", lambda count: bytes(range(count)))
    assert Mnemonic("english").to_entropy(new_words()) == bytearray(range(32))


def test_threat_34_a_fixed_seed_does_not_change_the_output() -> None:
    """Milk Sad and its kin: whoever knows the generator's state knows the words. Fresh processes, one state."""
    script = "import random; random.seed(1); from keys.mnemonics import new_words; print(new_words())"
    outputs = {
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=120).stdout
        for _ in range(3)
    }
    assert len(outputs) == 3


def test_threat_34_random_is_banned(tmp_path: Path) -> None:
    """By the linter, in this room and in all others; but tests, and what makes up the demo's year, are predictable."""
    root = Path(keys.__file__).parent.parent
    for line in ("import random\n\nprint(random.random())\n", "from random import choice\n\nprint(choice([1]))\n"):
        guessed = ["ruff", "check", "--no-cache", "--config", str(root / "pyproject.toml")]
        found = subprocess.run(
            [sys.executable, "-m", *guessed, "--stdin-filename", str(root / "keys" / "guessed.py"), "-"],
            input=line,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert "TID251" in found.stdout
    imported = re.compile(r"^\s*(import|from) (random|numpy)\b", re.MULTILINE)
    rooms = [root / room for room in ("cryptopay", "keys", "ledger", "monitor", "reports")]
    made_up = root / "cryptopay" / "devnet" / "year"
    found = [path for room in rooms for path in room.rglob("*.py") if imported.search(path.read_text())]
    assert not [path for path in found if made_up not in path.parents]
