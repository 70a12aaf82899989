"""What Bitcoin's kin have beside: Dogecoin's merged mining, Dash's payloads, Bitcoin Cash's tokens. On real blocks.

Sources: `blocks/README`; Dogecoin Core `primitives/auxpow.h`; DIP-2 and DIP-6; CHIP-2022-02 CashTokens, "Token Prefix".
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.chains import CHAINS, Chain
from monitor.connectors import connect
from monitor.connectors.base import NodeError
from monitor.connectors.bitcoin_blocks import (
    BlockUnreadable,
    Form,
    Outputs,
    merkle_root,
    read_block,
    read_transaction,
)
from monitor.connectors.jsonrpc import node_at

BLOCKS = Path(__file__).with_name("blocks")
DOGECOIN, DASH, CASH = Form(auxpow=True), Form(special=True), Form(tokens=True)
P2PKH = bytes.fromhex("76a914738a53805e89e816312aa08907edb1cd3f5c5f7088ac")
CATEGORY = bytes(range(32))


def kept(name: str) -> bytes:
    return bytes.fromhex((BLOCKS / f"{name}.hex").read_text())


DOGE_BLOCK, DASH_BLOCK, CASH_BLOCK = (
    kept(name) for name in ("dogecoin-371337", "dash-testnet-813750", "bitcoincash-chipnet-121957")
)
DASH_NAME = "00000056300e9fd18624edd7eaa8bcd6c8466d7eb8cf91b4e60f9d35fa97f504"
KEPT = [(DOGE_BLOCK, DOGECOIN), (DASH_BLOCK, DASH), (CASH_BLOCK, CASH)]


def test_every_chain_of_the_family_has_a_recorded_block() -> None:
    """Bitcoin's and Litecoin's are in `test_bitcoin_blocks.py`, and made by nodes in `test_bitcoin.py`."""
    coins = {chain.native.code for chain in CHAINS.values() if chain.family == "bitcoin"}
    assert coins == {"BTC", "LTC", "BCH", "DOGE", "DASH"}


def test_a_merge_mined_block() -> None:
    block = read_block(DOGE_BLOCK, DOGECOIN)
    assert block.hash == "60323982f9c5ff1b5a954eac9dc1269352835f47c2c5222691d80f0d50dcf053"
    assert block.parent_hash == "46a8b109fb016fa41abd17a19186ca78d39c60c020c71fcd2690320d47036f0d"
    assert block.time == datetime(2014, 9, 11, 19, 42, 57, tzinfo=UTC)
    txids = [txid[::-1].hex() for txid in block.outputs.txids]
    assert txids[0] == "4547b14bc16db4184fa9f141d645627430dd3dfa662d0e6f418fba497091da75"
    assert txids[-1] == "02c16e3389320da3e77686d39773dda65a1ecdf98a2ef9cfb938c9f4b58f7a40"
    (paid,) = block.outputs.paying({bytes.fromhex("76a91435cb1f77e88e96fb3094d84e8d3b7789a092636d88ac")})
    assert (paid.transaction, paid.vout, paid.base_units) == (1, 0, 1_400_000_000)


def test_a_block_of_before_merged_mining_has_no_proof_behind_its_header() -> None:
    """The version says so; elsewhere the same bit means nothing (BIP320)."""
    transactions = DOGE_BLOCK[_header_and_proof_bytes() :]
    plain = b"\2\0\x62\0" + DOGE_BLOCK[4:80] + transactions
    assert read_block(plain, DOGECOIN).outputs == read_block(DOGE_BLOCK, DOGECOIN).outputs
    rolled = b"\2\1\x62\0" + DOGE_BLOCK[4:80] + transactions
    assert read_block(rolled).outputs == read_block(plain).outputs
    with pytest.raises(BlockUnreadable):
        read_block(rolled, DOGECOIN)


def _header_and_proof_bytes() -> int:
    """The proof ends with the parent's header, before the count of 6 transactions and the coinbase's version."""
    return DOGE_BLOCK.index(b"\6\1\0\0\0\1" + bytes(32), 80)


def test_a_coinbase_with_a_payload() -> None:
    block = read_block(DASH_BLOCK, DASH)
    assert [txid[::-1].hex() for txid in block.outputs.txids] == [
        "96aec14ee74522bc5b5a64e3c8422cda055ef8a7e240c60e532e4b2b4ca86203"
    ]
    assert block.outputs.amounts == [1_080_885_569, 720_590_380]
    with pytest.raises(BlockUnreadable):
        read_block(DASH_BLOCK)


def special(version: int, kind: int, body: bytes, payload: bytes) -> bytes:
    return version.to_bytes(2, "little") + kind.to_bytes(2, "little") + body + bytes(4) + payload


NOTHING_PAID = b"\0\0"
ONE_OUTPUT = b"\1" + bytes(36) + b"\0" + b"\xff" * 4 + b"\1" + (7).to_bytes(8, "little") + b"\x19" + P2PKH
SPECIAL = {
    "quorum commitment: neither inputs nor outputs": (special(3, 6, NOTHING_PAID, b"\3abc"), []),
    "registration with an output": (special(3, 1, ONE_OUTPUT, b"\xfd\x2c\1" + bytes(300)), [7]),
    "ordinary, version 2": (special(2, 0, ONE_OUTPUT, b""), [7]),
    "ordinary, version 3": (special(3, 0, ONE_OUTPUT, b""), [7]),
    "a type before payloads existed": (special(2, 5, ONE_OUTPUT, b""), [7]),
}


@pytest.mark.parametrize("name", SPECIAL)
def test_dashs_transactions(name: str) -> None:
    raw, amounts = SPECIAL[name]
    txid = sha256(sha256(raw).digest()).digest()[::-1].hex()
    outputs = Outputs()
    read_transaction(raw, txid, outputs, DASH)
    assert (outputs.amounts, outputs.txids[0][::-1].hex()) == (amounts, txid)
    block = DASH_BLOCK[:36] + merkle_root([bytes.fromhex(txid)[::-1]]) + DASH_BLOCK[68:80] + b"\1" + raw
    assert read_block(block, DASH).outputs == outputs
    for wrong in (raw + b"\0", raw[:-1]):
        with pytest.raises(BlockUnreadable):
            read_transaction(wrong, txid, Outputs(), DASH)


def test_tokens_stand_beside_the_coins_and_hide_none_of_them() -> None:
    """Each output counts for the script that locks it: tokens may ride on a payment, and are nobody's business here."""
    as_it_stands, block = read_block(CASH_BLOCK), read_block(CASH_BLOCK, CASH)
    assert block.hash == "0000000056087dee73fb66178ca70da89dfd0be098b1a63cf6fe93934cd04c78"
    assert block.outputs.amounts == as_it_stands.outputs.amounts
    with_tokens = [script for script in as_it_stands.outputs.scripts if script.startswith(b"\xef")]
    assert len(with_tokens) == 16
    assert not [script for script in block.outputs.scripts if script.startswith(b"\xef")]
    assert [o.base_units for o in block.outputs.paying({P2PKH})] == [
        o.base_units
        for o in as_it_stands.outputs.paying({s for s in as_it_stands.outputs.scripts if s.endswith(P2PKH)})
    ]


TOKENS = {
    "an amount": b"\x10\x01",
    "an amount of two bytes": b"\x10\xfd\xfd\x00",
    "the largest amount": b"\x10\xff" + b"\xff" * 7 + b"\x7f",
    "an NFT": b"\x20",
    "a minting NFT": b"\x22",
    "an NFT with a commitment": b"\x60\x04\xcc\xcc\xcc\xcc",
    "a mutable NFT with a commitment, and an amount": b"\x71\x01\xcc\xfc",
}
NO_TOKENS = {
    "neither NFT nor amount": b"\x00",
    "reserved bit": b"\xa0",
    "a capability without NFT": b"\x11\x01",
    "a commitment without NFT": b"\x50\x01\xcc\x01",
    "an empty commitment": b"\x60\x00",
    "a capability nobody has defined": b"\x23",
    "an amount of nothing": b"\x10\x00",
    "an amount too large": b"\x10\xff" + b"\0" * 7 + b"\x80",
    "an amount in a longer form": b"\x10\xfd\x01\x00",
    "a commitment longer than the output": b"\x60\xfc\xcc",
    "an amount cut off": b"\x10\xff\x01",
    "nothing behind the category": None,
}


def cash_outputs(*scripts: bytes) -> Outputs:
    paid = b"".join((1000 + n).to_bytes(8, "little") + bytes([len(s)]) + s for n, s in enumerate(scripts))
    raw = b"\1\0\0\0\1" + bytes(36) + b"\0" + bytes(4) + bytes([len(scripts)]) + paid + bytes(4)
    outputs = Outputs()
    read_transaction(raw, sha256(sha256(raw).digest()).digest()[::-1].hex(), outputs, CASH)
    return outputs


@pytest.mark.parametrize("name", TOKENS)
def test_tokens_of_every_shape_are_left_out(name: str) -> None:
    outputs = cash_outputs(b"\xef" + CATEGORY + TOKENS[name] + P2PKH, P2PKH)
    assert outputs.scripts == [P2PKH, P2PKH]
    assert outputs.amounts == [1000, 1001]


@pytest.mark.parametrize("name", NO_TOKENS)
def test_what_is_not_well_formed_is_a_script_and_nobodys(name: str) -> None:
    """Consensus refuses it since May 2023; before, it was a script that nobody can spend."""
    bits = NO_TOKENS[name]
    field = b"\xef" + CATEGORY[:-1] if bits is None else b"\xef" + CATEGORY + bits + P2PKH
    if "longer" in name or "cut off" in name:
        field = field[: 34 + len(bits or b"")]
    assert cash_outputs(field).scripts == [field]


def test_elsewhere_the_same_byte_is_part_of_the_script() -> None:
    script = b"\xef" + CATEGORY + b"\x20" + P2PKH
    raw = b"\1\0\0\0\1" + bytes(36) + b"\0" + bytes(4) + b"\1" + bytes(8) + bytes([len(script)]) + script + bytes(4)
    outputs = Outputs()
    read_transaction(raw, sha256(sha256(raw).digest()).digest()[::-1].hex(), outputs)
    assert outputs.scripts == [script]


@pytest.mark.parametrize(("raw", "form"), KEPT)
def test_every_truncation_is_unreadable(raw: bytes, form: Form) -> None:
    for length in range(len(raw)):
        with pytest.raises(BlockUnreadable):
            read_block(raw[:length], form)


@settings(deadline=None)
@given(kept=st.sampled_from(KEPT), data=st.data())
def test_a_bent_block_is_unreadable_or_says_the_same(kept: tuple[bytes, Form], data: st.DataObject) -> None:
    """Bits flipped, bytes cut out, noise put in: whatever the transactions' root covers cannot change unnoticed."""
    raw, form = kept
    at, cut = data.draw(st.integers(80, len(raw))), data.draw(st.integers(0, 40))
    noise = data.draw(st.binary(max_size=40) | st.sampled_from([b"\xfe\xff\xff\xff\1", b"\xff" * 9, b"\xfd\xff\xff"]))
    try:
        bent = read_block(raw[:at] + noise + raw[at + cut :], form)
    except BlockUnreadable:
        return
    assert bent.outputs == read_block(raw, form).outputs


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from([DOGECOIN, DASH, CASH, Form(True, True, True, True)]))
def test_anything_is_read_or_unreadable(noise: bytes, form: Form) -> None:
    for read in (lambda: read_block(noise, form), lambda: read_transaction(noise, "ab" * 32, Outputs(), form)):
        with pytest.raises(BlockUnreadable):
            read()


BOMBS = {
    "transactions": CASH_BLOCK[:80] + b"\xfe\0\0\0\2" + CASH_BLOCK[81:],
    "inputs": CASH_BLOCK[:80] + b"\1\1\0\0\0\xfe\0\0\0\2",
    "outputs": CASH_BLOCK[:80]
    + b"\1"
    + ONE_OUTPUT[:0]
    + b"\1\0\0\0\1"
    + bytes(36)
    + b"\0"
    + bytes(4)
    + b"\xfe\0\0\0\2",
    "a script": CASH_BLOCK[:80] + b"\1\1\0\0\0\1" + bytes(36) + b"\xfe\0\0\0\2",
    "witnesses": CASH_BLOCK[:80] + b"\1\1\0\0\0\0\1" + ONE_OUTPUT + b"\xfe\0\0\0\2",
    "steps of a merge-mined branch": DOGE_BLOCK[:290] + b"\xfe\0\0\0\2" + DOGE_BLOCK[290:],
    "a payload": b"".join((DASH_BLOCK[:80], b"\1", special(3, 6, NOTHING_PAID, b"\xfe\0\0\0\2"))),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_claimed_count_allocates_nothing(name: str) -> None:
    """32 million of anything, in a few bytes: refused at once, and for little memory."""
    import tracemalloc

    tracemalloc.start()
    try:
        for form in (Form(), DOGECOIN, DASH, CASH):
            with pytest.raises(BlockUnreadable):
                read_block(BOMBS[name], form)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1_000_000


@pytest.fixture
def answering(fake_node: Any) -> Iterator[Callable[[Chain, dict[str, Any]], Any]]:
    """A connector whose node says what a test wants."""

    def on(chain: Chain, answers: dict[str, Any]) -> Any:
        fake_node.results(answers)
        return connect(chain, fake_node.url)

    yield on
    node_at(fake_node.url).close()


def test_a_block_named_by_another_hash_is_taken_by_its_header(answering: Any) -> None:
    """Dash's X11 is not computed here: the node that names the block must have that header under the name."""
    header = DASH_BLOCK[:80].hex()
    answers = {"getblockhash": DASH_NAME, "getblock": DASH_BLOCK.hex(), "getblockheader": header}
    block = answering(CHAINS["dash"], answers).block(813_750)
    assert (block.ref.hash, block.parent_hash) == (
        DASH_NAME,
        "0000011a86a1ad3609e5359b6b6411a1654108ee7c1afc003dec23b5a0400e4b",
    )
    first, second = block.transfers_to(block.destinations())
    assert (first.key, first.base_units, first.maturity_blocks) == (f"{first.txid}:0", 1_080_885_569, 100)
    assert second.key == f"{first.txid}:1"
    for other in ("ff" + header[2:], header[:-2], "", "zz"):
        with pytest.raises(NodeError):
            answering(CHAINS["dash"], {**answers, "getblockheader": other}).block(813_750)


def test_a_merge_mined_block_by_the_connector(answering: Any) -> None:
    name = "60323982f9c5ff1b5a954eac9dc1269352835f47c2c5222691d80f0d50dcf053"
    connector = answering(CHAINS["dogecoin"], {"getblockhash": name, "getblock": DOGE_BLOCK.hex()})
    block = connector.block(371_337)
    transfers = block.transfers_to(block.destinations())
    assert [transfer.maturity_blocks for transfer in transfers] == [240] + [0] * 8
    assert block.ref.hash == name


@pytest.mark.parametrize("code", ["bitcoin", "bitcoincash"])
def test_threat_20_a_chain_is_known_by_where_it_parted(code: str, answering: Any) -> None:
    """Both begin with the same block 0. A node that has not read up to the fork could be either, so nothing is read."""
    chain = CHAINS[code]
    hashes = {0: chain.genesis, **chain.fork_blocks}
    good = {"getblockchaininfo": {"chain": "main"}, "getnetworkinfo": {"version": chain.minimum_node_version}}
    answering(chain, {**good, "getblockhash": hashes.__getitem__}).check()
    other = CHAINS["bitcoin" if code == "bitcoincash" else "bitcoincash"]
    assert other.genesis == chain.genesis
    kin = {**hashes, **other.fork_blocks}
    with pytest.raises(NodeError, match="478559 is another chain's") as caught:
        answering(chain, {**good, "getblockhash": kin.__getitem__}).check()
    assert caught.value.permanent
    too_high = LookupError(-8, "Block height out of range")
    with pytest.raises(NodeError, match="has not reached block 478559") as caught:
        answering(chain, {**good, "getblockhash": lambda height: chain.genesis if height == 0 else too_high}).check()
    assert not caught.value.permanent
