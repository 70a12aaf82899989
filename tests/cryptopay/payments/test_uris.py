"""Payment URIs of the Bitcoin family. BIP-21 and BIP-321; CashAddr carries its scheme in itself."""

import pytest

from cryptopay.payments.uris import payment_uri
from ledger.models import Asset
from ledger.money import Amount
from monitor.chains import CHAINS

CASH = "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"
URIS = [
    ("bitcoin", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "bitcoin:bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
    ("bitcoincash", f"bitcoincash:{CASH}", f"bitcoincash:{CASH}"),
    ("bitcoincash-regtest", "bchreg:qq", "bchreg:qq"),
    ("dogecoin", "DJtCUTgitjdxXTUQK78BVm93AmrfFLAiWy", "dogecoin:DJtCUTgitjdxXTUQK78BVm93AmrfFLAiWy"),
    ("dash", "XkNPrBSJtrHZUvUqb3JF4g5rMB3uzaJfEL", "dash:XkNPrBSJtrHZUvUqb3JF4g5rMB3uzaJfEL"),
]


@pytest.mark.parametrize(("code", "address", "uri"), URIS)
def test_the_scheme_stands_once(code: str, address: str, uri: str) -> None:
    native = CHAINS[code].native
    asset = Asset(code=native.code, chain=code, decimals=native.decimals)
    assert payment_uri(CHAINS[code], address, Amount(1_230_000, asset)) == f"{uri}?amount=0.0123"
    assert payment_uri(CHAINS[code], address, Amount(0, asset)) == uri
