"""bcoin in the place of bitcoind: paid from by the same driver, read by the same connector."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cryptopay.devnet import debian, install, nodes, places, programs
from cryptopay.devnet.drive import BitcoinNode
from cryptopay.devnet.errors import PartMissing
from monitor.chains import CHAINS
from monitor.connectors.bitcoin import BitcoinConnector
from monitor.connectors.jsonrpc import JsonRpc, RpcRefused

pytestmark = pytest.mark.timeout(60)

ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"  # BIP173's example, with this network's prefix
SCRIPT = bytes.fromhex("0014751e76e8199196d454941c45d1b3a323f1433bd6")


@pytest.fixture
def connector(bcoin: BitcoinNode) -> Iterator[BitcoinConnector]:
    rpc = JsonRpc(bcoin.url)
    yield BitcoinConnector(CHAINS["bitcoin-regtest"], rpc)
    rpc.close()


def test_a_payment_is_seen_then_read_from_its_block(bcoin: BitcoinNode, connector: BitcoinConnector) -> None:
    connector.check()
    known = connector.mempool(set()).inspected
    txid = bcoin.pay([(ADDRESS, 123_456), (bcoin.new_address(), 50_000), (ADDRESS, 7)])
    seen = connector.mempool(known)
    assert seen.inspected == {txid}
    expected = [(f"{txid}:0", 123_456), (f"{txid}:2", 7)]
    assert [(found.key, found.base_units) for found in seen.transfers_to({SCRIPT})] == expected
    assert connector.waiting({txid, "ab" * 32}) == {txid}
    (mined,) = bcoin.mine()
    tip = connector.tip().ref
    assert tip.hash == mined
    block = connector.block(tip.height)
    assert [(found.key, found.base_units) for found in block.transfers_to({SCRIPT})] == expected
    assert block.parent_hash == connector.hash_at(tip.height - 1)
    assert connector.waiting({txid}) == set()
    assert connector.hash_at(tip.height + 1) is None


def test_segwit_is_active(bcoin: BitcoinNode) -> None:
    """Otherwise what is received at a segwit address could not be spent."""
    assert bcoin.rpc("getblockchaininfo")["bip9_softforks"]["segwit"]["status"] == "active"


def test_a_reorg_puts_mined_payments_back_into_the_mempool(bcoin: BitcoinNode) -> None:
    first = bcoin.pay(ADDRESS, 100_000)
    bcoin.mine()
    second = bcoin.pay(ADDRESS, 200_000)
    lost = bcoin.mine()[0]
    height = bcoin.height()
    branch = bcoin.rpc("reorg", 2, [[], [], []])
    assert bcoin.height() == height + 1
    assert bcoin.rpc("getblockhash", height) == branch[1] != lost
    assert {first, second} <= set(bcoin.rpc("getrawmempool"))
    again = bcoin.mine()[0]
    assert bcoin.rpc("getrawtransaction", second, True)["blockhash"] == again


def test_a_transaction_that_the_mempool_refuses_is_an_error(bcoin: BitcoinNode) -> None:
    txid = bcoin.pay(ADDRESS, 300_000)
    raw = bcoin.rpc("getrawtransaction", txid)
    bcoin.mine()
    with pytest.raises(RpcRefused) as refused:
        bcoin.rpc("sendrawtransaction", raw)
    assert refused.value.number == -26
    with pytest.raises(RpcRefused):
        bcoin.pay(ADDRESS, 21_000_000 * 10**8)


def test_its_blocks_are_kept_from_run_to_run_and_after_a_power_cut(tmp_path: Path) -> None:
    running = nodes.start_bcoin(tmp_path)
    node = BitcoinNode(running.url)
    node.mine(2)
    node.rpc("reorg", 1, [[], []])
    height, best = node.height(), node.rpc("getbestblockhash")
    node.close()
    running.stop()
    with (tmp_path / "blocks.hex").open("a") as blocks:
        blocks.write("0000003000")  # the last line was being written
    again = nodes.start_bcoin(tmp_path)
    node = BitcoinNode(again.url)
    try:
        assert (node.height(), node.rpc("getbestblockhash")) == (height, best)
        txid = node.pay(ADDRESS, 100_000)
        (mined,) = node.mine()
        assert node.rpc("getrawtransaction", txid, True)["blockhash"] == mined
    finally:
        node.close()
        again.stop()


@pytest.fixture
def without_apt(monkeypatch: pytest.MonkeyPatch) -> None:
    """No apt, and no bitcoind from elsewhere: the PATH holds Node.js alone."""
    monkeypatch.setenv("CRYPTOPAY_WITHOUT_APT", "1")
    node = Path(programs.BCOIN.command()[0])
    monkeypatch.setattr("shutil.which", lambda name: str(node) if name == "node" else None)


@pytest.mark.usefixtures("without_apt")
def test_without_apt_it_takes_the_place_of_bitcoind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not debian.at_hand()
    running = nodes.start_bitcoind_or_bcoin(tmp_path)
    node = BitcoinNode(running.url)
    assert "bcoin" in node.rpc("getnetworkinfo")["subversion"]
    node.close()
    running.stop()
    parts = {part.name: part for part in install.install(for_tests=False)}
    assert parts["bcoin"].version == "1.0.2"
    assert not install.report(list(parts.values()))
    said = capsys.readouterr().out
    assert "bcoin stands in for bitcoind" in said
    assert "LITECOIN_REGTEST_NODE_URL" in said


@pytest.mark.usefixtures("without_apt")
def test_where_neither_is_to_be_had_bitcoind_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "NODE_MODULES", tmp_path / "node_modules")
    with pytest.raises(PartMissing, match="bitcoind is not installed"):
        nodes.start_bitcoind_or_bcoin(tmp_path)


def test_the_launcher_says_its_version() -> None:
    assert install.version_of(programs.BCOIN.command()) == "1.0.2"
