"""A transaction's id is not its identity: before segwit anyone may change it on its way to the block."""

import pytest

from cryptopay.devnet.drive import BitcoinNode
from ledger.money import to_text
from monitor.models import Deposit
from tests.journeys.conftest import Coin, Shop, address_of

pytestmark = pytest.mark.django_db(transaction=True)

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
FEE = 10_000
SCRIPT_AT = 4 + 1 + 36
"""In a transaction of one input, without witness: behind version, count and outpoint."""


def test_threat_03_a_mutated_transaction_is_credited_once(shop: Shop, bitcoin: Coin) -> None:
    assert isinstance(bitcoin.node, BitcoinNode)
    invoice = shop.invoice(bitcoin)
    original = legacy_payment(bitcoin.node, address_of(invoice), bitcoin.due)
    txid = bitcoin.node.rpc("sendrawtransaction", original)
    shop.turn()
    assert shop.stands(invoice) == ("processing", "none")

    changed = mutated(original)
    changed_txid = bitcoin.node.rpc("decoderawtransaction", changed)["txid"]
    assert changed_txid != txid
    bitcoin.node.mine_exactly([changed])
    bitcoin.bury()
    shop.turn()
    assert shop.stands(invoice) == ("settled", "none")
    states = {deposit.txid: deposit.state for deposit in Deposit.objects.all()}
    assert states == {txid: Deposit.State.DROPPED, changed_txid: Deposit.State.CONFIRMED}
    assert shop.holds(bitcoin, bitcoin.custody).posted == bitcoin.due == bitcoin.on_chain(address_of(invoice))


def legacy_payment(node: BitcoinNode, address: str, base_units: int) -> str:
    """A signed transaction that spends a P2PKH output, so that its id covers the signature."""
    own = node.rpc("getnewaddress", "", "legacy")
    funding = node.pay(own, base_units + FEE)
    node.mine()
    amount = to_text(base_units, 8)
    raw = node.rpc("createrawtransaction", [{"txid": funding, "vout": 0}], {address: amount})
    return str(node.rpc("signrawtransactionwithwallet", raw)["hex"])


def mutated(raw: str) -> str:
    """The same transaction with S replaced by N - S in its signature: valid by consensus, another id (BIP62)."""
    data = bytes.fromhex(raw)
    length = data[SCRIPT_AT]
    script = data[SCRIPT_AT + 1 : SCRIPT_AT + 1 + length]
    signature, public_key_push = script[1 : 1 + script[0]], script[1 + script[0] :]
    other = negated(signature[:-1]) + signature[-1:]
    script = bytes([len(other)]) + other + public_key_push
    return (data[:SCRIPT_AT] + bytes([len(script)]) + script + data[SCRIPT_AT + 1 + length :]).hex()


def negated(der: bytes) -> bytes:
    """DER: 30 len 02 len R 02 len S."""
    r_end = 4 + der[3]
    s = CURVE_ORDER - int.from_bytes(der[r_end + 2 :], "big")
    s_bytes = s.to_bytes(s.bit_length() // 8 + 1, "big")
    body = der[2:r_end] + b"\x02" + bytes([len(s_bytes)]) + s_bytes
    return b"\x30" + bytes([len(body)]) + body
