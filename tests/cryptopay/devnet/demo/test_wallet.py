"""The demo's keys, against an independent implementation."""

from pathlib import Path

import pytest
from bip_utils import Bip44, Bip44Changes, Bip44Coins, Bip84, Bip84Coins, Monero

from cryptopay.devnet.demo import wallet
from keys.derivation import deriver
from keys.importing import read
from keys.mnemonics import account_key
from monitor.chains import CHAINS

SEED = bytes(range(32))
TREES = {
    "bitcoin-regtest": Bip84.FromSeed(SEED, Bip84Coins.BITCOIN_REGTEST),
    "ethereum-dev": Bip44.FromSeed(SEED, Bip44Coins.ETHEREUM),
}


@pytest.mark.parametrize("code", TREES)
def test_an_account_key_gives_the_addresses_of_the_standard(code: str) -> None:
    account = TREES[code].Purpose().Coin().Account(0).Change(Bip44Changes.CHAIN_EXT)
    expected = [account.AddressIndex(index).PublicKey().ToAddress() for index in range(3)]
    derive = deriver(read(CHAINS[code], account_key(SEED, CHAINS[code])), CHAINS[code])
    assert [derive.address(index)[0] for index in range(3)] == expected


def test_a_view_pair_is_the_seeds_in_another_library_too() -> None:
    account = Monero.FromPrivateSpendKey(Monero.FromSeed(SEED).PrivateSpendKey().Raw().ToBytes())
    address, view_key = wallet.view_pair(SEED).split()
    assert (address, view_key) == (account.PrimaryAddress(), account.PrivateViewKey().Raw().ToHex())
    chain = CHAINS["monero-regtest"]
    assert deriver(read(chain, wallet.view_pair(SEED)), chain).address(0)[0] == account.Subaddress(1, 0)


def test_a_seed_is_made_once_and_each_owner_has_another(tmp_path: Path) -> None:
    path = tmp_path / "wallet.json"
    first = wallet.seed(path, "one")
    assert wallet.seed(path, "two") != first
    assert wallet.seed(path, "one") == first
    assert len(first) == wallet.SEED_BYTES
